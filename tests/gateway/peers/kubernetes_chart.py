"""Render a chart and hold what comes out to Kubernetes' schemas. Runs in the environment of kubernetes.txt.

Reads {"chart": folder, "cases": [values, …], "versions": ["1.34", …]} from its standard input. Prints a list with one
entry for each case: {"error": …}, or {"documents": […], "problems": […]}; and what linting says of each.
"""

import json
import sys

import kubernetes_validate
import yaml
from helm_python import Chart, HelmError, chart


def judged(loaded, values, versions):
    """Return what a case comes to."""
    try:
        loaded.validate_schema(values)
        rendered = loaded.render(values, name="shop", namespace="vision", revision=3)
    except HelmError as error:
        return {"error": str(error)}
    documents = [one for text in rendered.values() for one in yaml.safe_load_all(text) if one]
    problems = []
    for one in documents:
        if one["apiVersion"].startswith("monitoring.coreos.com/"):
            continue  # the Prometheus operator's; its schema is in no release of Kubernetes
        for version in versions:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                problems.append(f"{version} {one['kind']}: {error}")
    return {"documents": documents, "problems": problems}


asked = json.load(sys.stdin)
loaded = Chart.load(asked["chart"])
answers = [judged(loaded, values, asked["versions"]) for values in asked["cases"]]
for values, answer in zip(asked["cases"], answers, strict=True):
    if "error" not in answer:
        answer["lint"] = chart.lint(asked["chart"], values, strict=True, namespace="vision")
json.dump(answers, sys.stdout)
