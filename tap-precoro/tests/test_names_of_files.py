"""The names of files: safe everywhere, in their folder, each another."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tap_precoro.files.files import path_in_folder, safe_name

from .files_of_documents import file


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("scan.pdf", "scan.pdf"),
        ("Rechnung Köln (2).pdf", "Rechnung Köln (2).pdf"),
        ("発注書.xlsx", "発注書.xlsx"),
        ("Ko\u0308ln.pdf", "Köln.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("C:\\Windows\\win.ini", "C__Windows_win.ini"),
        ("..", "unnamed"),
        (".", "unnamed"),
        ("", "unnamed"),
        (None, "unnamed"),
        ("   ", "unnamed"),
        (".htaccess", "htaccess"),
        ("-rf.txt", "rf.txt"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("NUL .tar.gz", "_NUL .tar.gz"),
        ("com1", "_com1"),
        ("LPT³.txt", "_LPT³.txt"),
        ("CONTRACT.pdf", "CONTRACT.pdf"),
        ("a\x00b\nc\x7f.pdf", "a_b_c_.pdf"),
        ("invoice\u202efdp.exe", "invoice_fdp.exe"),
        ("a\ud800.pdf", "a_.pdf"),
        ("trailing. . ", "trailing"),
        ("a  b\u00a0c.pdf", "a b c.pdf"),
        ("[1] what? *.pdf", "_1_ what_ _.pdf"),
        ("s3://bucket/a.pdf", "s3___bucket_a.pdf"),
        ("a" * 300 + ".pdf", "a" * 116 + ".pdf"),
        ("ä" * 300 + ".pdf", "ä" * 58 + ".pdf"),
        ("a" * 300, "a" * 120),
        ("a." + "b" * 300, "a." + "b" * 118),
        ("a" * 119 + ". " + "b" * 50, "a" * 119),
    ],
)
def test_a_name_becomes_safe(name: str | None, safe: str) -> None:
    assert safe_name(name) == safe


NAMES = st.one_of(
    st.none(),
    st.text(max_size=400),
    st.text(alphabet=st.sampled_from("./\\:-_ aCONul1\u0301\x00\u202eé漢"), max_size=300),
    st.text(alphabet="aä漢😀. ", min_size=100, max_size=300),
    st.builds(
        lambda stem, tail: stem + tail,
        st.text(max_size=250),
        st.sampled_from([".pdf", ".tar.gz", ".", ". .", ".docx ", ".CON", "." + "x" * 40]),
    ),
)


@given(NAMES)
def test_a_safe_name_is_one_part_of_a_path_everywhere(name: str | None) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= 120
    assert safe == unicodedata.normalize("NFC", safe)
    assert not set(safe) & set('<>:"/\\|?*[]{}')
    assert not any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in safe)
    assert safe[0] not in " .-"
    assert safe[-1] not in " ."
    assert safe.split(".")[0].strip().upper() not in ("CON", "PRN", "AUX", "NUL", "COM1", "LPT1")
    assert safe_name(safe) == safe


@given(st.text(max_size=400), st.sampled_from(["pdf", "xlsx", "tar", "7z", "große"]))
def test_an_ending_is_kept(stem: str, ending: str) -> None:
    assert safe_name(f"a{stem}.{ending}").endswith(f".{ending}")


@given(NAMES, NAMES, st.integers(0, 10**18), st.integers(0, 10**18), NAMES, NAMES)
def test_no_file_leaves_the_folder_or_takes_the_place_of_another(
    name: str | None, other_name: str | None, key: int, other: int, idn: Any, other_idn: Any
) -> None:
    paths = []
    for each, called, number in ((key, name, idn), (other, other_name, other_idn)):
        path = path_in_folder(file(each, called, idn=number or ""))
        paths.append(path)
        assert path.count("/") == 2
        whole = os.path.normpath(os.path.join("/folder", path))  # noqa: PTH118
        assert whole == f"/folder/{path}"
        assert Path(path).name.startswith(f"{each}-")
    assert key == other or paths[0].casefold() != paths[1].casefold()
