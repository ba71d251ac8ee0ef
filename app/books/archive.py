"""The zip file that an EPUB is, read within bounds."""

import io
import posixpath
import zipfile
import zlib
from urllib.parse import unquote

from app.books.book import UnreadableBook
from app.books.decoding import decoded_markup
from app.books.trees import Element, xml_tree

_MOST_ENTRIES = 20_000
_MOST_BYTES_OF_ONE = 64 * 1024 * 1024
_MOST_BYTES = 256 * 1024 * 1024
"""Of all that is read, unpacked. War and Peace has 4 MB; pictures, sounds and fonts are not read."""

_ENCRYPTION = "META-INF/encryption.xml"
_LOCKS = frozenset({"META-INF/rights.xml", "META-INF/sinf.xml", "META-INF/license.lcpl"})
_HIDDEN_FONTS = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
_ENCRYPTED_DATA = "{http://www.w3.org/2001/04/xmlenc#}EncryptedData"
_METHOD = "{http://www.w3.org/2001/04/xmlenc#}EncryptionMethod"


class Archive:
    """Reads members by name; nothing is ever written to a disk.

    Raises:
      UnreadableBook: it is no zip file, is protected, or has too much in it.
    """

    def __init__(self, content: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise UnreadableBook(f"It is no EPUB, or is broken: {error}.") from None
        names = self._zip.namelist()
        if len(names) > _MOST_ENTRIES:
            raise UnreadableBook(f"It has {len(names)} files in it; a book has at most {_MOST_ENTRIES}.")
        self._names = {name.lower(): name for name in reversed(names)} | {name: name for name in names}
        self._bytes_left = _MOST_BYTES
        self._refuse_protected()

    def __contains__(self, name: str) -> bool:
        return name in self._names or name.lower() in self._names

    def xml(self, name: str) -> Element:
        return xml_tree(self.text(name), name)

    def text(self, name: str) -> str:
        try:
            return decoded_markup(self._read(name))
        except UnreadableBook as error:
            raise UnreadableBook(f"{name}: {error}") from None

    def _read(self, name: str) -> bytes:
        found = self._names.get(name) or self._names.get(name.lower())
        if found is None:
            raise UnreadableBook("the book names it, and it is not there. The file is broken; get it again.")
        most = min(_MOST_BYTES_OF_ONE, self._bytes_left)
        try:
            with self._zip.open(found) as member:
                content = member.read(most + 1)
        except RuntimeError:  # what zipfile says of a member with a password
            raise UnreadableBook("it is encrypted. Protected books cannot be read.") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
            raise UnreadableBook(f"it cannot be unpacked: {error}. The file is broken; get it again.") from None
        if len(content) > most:
            raise UnreadableBook(f"it unpacks to more than {most >> 20} MiB, which no book has.")
        self._bytes_left -= len(content)
        return content

    def _refuse_protected(self) -> None:
        locked = any(name in self for name in _LOCKS)
        if _ENCRYPTION in self:
            methods = {
                method.get("Algorithm")
                for data in self.xml(_ENCRYPTION).iter(_ENCRYPTED_DATA)
                for method in data.iter(_METHOD)
            }
            locked = locked or not methods <= _HIDDEN_FONTS
        if locked:
            raise UnreadableBook("It is protected (DRM), so that only its shop's readers can open it. Get it without.")


def resolved(base: str, href: str) -> tuple[str, str]:
    """The member and the fragment that `href` in the member `base` leads to.

    Raises:
      UnreadableBook: it leads out of the book.
    """
    path, _, fragment = href.partition("#")
    path = unquote(path)
    if not path:
        return base, unquote(fragment)
    name = posixpath.normpath(posixpath.join(posixpath.dirname(base), path))
    if name.startswith(("/", "../")) or name == ".." or ":" in path.split("/", 1)[0]:
        raise UnreadableBook(f"{base} leads out of the book, to {path[:80]!r}. The file is broken, or made to do harm.")
    return name, unquote(fragment)
