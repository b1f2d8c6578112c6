"""One archive behind two model servers: TorchServe and MLServer give the same boxes through the gateway."""

from __future__ import annotations

import zipfile
from pathlib import Path
from sysconfig import get_path

import httpx

from tests.gateway.peers import servers
from tests.gateway.support.gateway_process import gateway_process
from tests.support import wait_until
from tests.support.endpoints import HTTP


def test_an_archive_inside_mlserver_gives_torchserves_detections(service, tmp_path: Path):
    archive, folder = tmp_path / "archive", tmp_path / "mlserver"
    folder.mkdir()
    with zipfile.ZipFile(service.root / "serving/torchserve/model-store/yolo.mar") as packed:
        packed.extractall(archive)
    street = (service.root / "samples/street.jpg").read_bytes()

    def predict(url: str, query: str) -> httpx.Response:
        return HTTP.post(f"{url}/predict?{query}", content=street, timeout=60)

    variables = {"YOLO_ARCHIVE": str(archive), "YOLO_LIBRARIES": get_path("purelib")}
    with (
        servers.mlserver(folder, "mlserver_yolo.Yolo", **variables) as url,
        gateway_process(BACKEND="oip", OIP_URL=url) as gateway,
    ):
        wait_until(lambda: HTTP.get(f"{gateway}/health/ready").status_code == 200, "it is ready")
        for query in ("", "conf=0.6&max_det=1", "imgsz=320&iou=0.3"):
            behind_mlserver, behind_torchserve = predict(gateway, query), predict(service.gateway, query)
            assert behind_mlserver.status_code == 200, behind_mlserver.text
            assert behind_mlserver.json()["detections"] == behind_torchserve.json()["detections"]
            assert behind_mlserver.json()["detections"] or "imgsz" in query
        refused = HTTP.post(f"{gateway}/predict", content=street[:5000], timeout=60)
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_image")
