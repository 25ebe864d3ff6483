"""Takes libtensorflow and the headers of its C API out of a tensorflow-cpu wheel: extract.py WHEEL FOLDER"""

import sys
import zipfile
from pathlib import Path, PurePosixPath

LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
# The C API, and the headers that it includes.
HEADERS = ("tensorflow/c/", "tensorflow/core/platform/", "tsl/", "xla/tsl/")


def main(wheel: str, folder: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for info in archive.infolist():
            path = PurePosixPath(info.filename)
            if path.parent.name == "tensorflow" and path.name in LIBRARIES:
                target = Path(folder, "lib", path.name)
            elif info.filename.startswith("tensorflow/include/") and path.suffix == ".h":
                header = path.relative_to("tensorflow/include")
                if not str(header).startswith(HEADERS):
                    continue
                target = Path(folder, "include", header)
            else:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(info) as source, target.open("wb") as out:
                while chunk := source.read(1 << 24):
                    out.write(chunk)


if __name__ == "__main__":
    main(*sys.argv[1:])
