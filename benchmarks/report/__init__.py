"""From measurements to the published results: JSON, Markdown and the chart."""
