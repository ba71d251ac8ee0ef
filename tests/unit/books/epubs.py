"""EPUBs made for the tests, file by file."""

import io
import zipfile
from collections.abc import Mapping

CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""

PACKAGE = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf">
<dc:title>The Lamp &amp; the Sea</dc:title><dc:language>en-GB</dc:language>
<dc:creator id="a">Ann Author</dc:creator><dc:creator opf:role="ill">Ivo Painter</dc:creator></metadata>
<manifest>{items}</manifest><spine{toc}>{order}</spine></package>"""

XHTML = """<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head><title>x</title></head>
<body>{body}</body></html>"""

NAVIGATION = XHTML.format(body='<nav epub:type="toc"><ol>{}</ol></nav><nav epub:type="landmarks"><ol/></nav>')


def page(body: str) -> str:
    return XHTML.format(body=body)


def navigation(*entries: tuple[str, str]) -> str:
    return NAVIGATION.replace("{}", "".join(f'<li><a href="{href}">{title}</a></li>' for title, href in entries))


def epub(pages: Mapping[str, str], *, nav: str | None = None, ncx: str | None = None, **more: str | bytes) -> bytes:
    """A book whose pages are read in this order; `more` are further files by their whole path."""
    items = [f'<item id="p{n}" href="{name}" media-type="application/xhtml+xml"/>' for n, name in enumerate(pages)]
    files: dict[str, str | bytes] = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER}
    toc = ""
    if nav is not None:
        items.append('<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>')
        files["OEBPS/nav.xhtml"] = nav
    if ncx is not None:
        items.append('<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>')
        files["OEBPS/toc.ncx"] = ncx
        toc = ' toc="ncx"'
    order = "".join(f'<itemref idref="p{n}"/>' for n in range(len(pages)))
    files["OEBPS/book.opf"] = PACKAGE.format(items="".join(items), order=order, toc=toc)
    files |= {f"OEBPS/{name}": content for name, content in pages.items()}
    return zipped(files | more)


def zipped(files: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()
