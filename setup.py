"""Puts the top-level folders of data, ``arch/`` and ``traces/``, into the wheel as ``sim/_data``; see pyproject.toml.

An editable install leaves them where they are: ``sim/core/data_files.py`` finds them next to the package.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

DATA_FOLDERS = ("arch", "traces")


class BuildWithData(build_py):
    """``build_py`` that also copies the data folders."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for folder in DATA_FOLDERS:
            target = Path(self.build_lib) / "sim" / "_data" / folder
            shutil.rmtree(target, ignore_errors=True)
            if Path(folder).is_dir():
                shutil.copytree(folder, target)


setup(cmdclass={"build_py": BuildWithData})
