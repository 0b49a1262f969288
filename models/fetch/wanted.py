"""The files of a system that are not in git, and where they are published."""

from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from mdx.errors import WeightsError
from mdx.systems.find import find_system
from mdx.systems.manifest import WeightsEntry, checkpoint_of, read_manifest, weights_path


@dataclass(frozen=True)
class Wanted:
    """A weights file to fetch."""

    folder: Path  # of the manifest
    name: str  # in it
    entry: WeightsEntry

    @property
    def path(self) -> Path:
        """Its path; raises WeightsError if its name leads out of the folder."""
        return weights_path(self.folder, self.name)

    @property
    def base(self) -> str:
        """Its name without folders."""
        return self.entry.member or self.path.name

    @property
    def url(self) -> str:
        """The URL of the file, or of the zip that contains it."""
        assert self.entry.url is not None
        return self.entry.url

    @property
    def download_name(self) -> str:
        """The file name of a browser's download."""
        return PurePosixPath(unquote(urlsplit(self.url).path)).name

    @property
    def mirrored(self) -> "Wanted | None":
        """The same file at its second URL, if there is one."""
        if self.entry.mirror is None:
            return None
        return replace(self, entry=replace(self.entry, url=self.entry.mirror, member=None))

    @property
    def names(self) -> list[str]:
        """The names that a manually downloaded file may have."""
        second = self.mirrored
        first = [] if self.entry.member else [self.download_name]
        more = [] if second is None else [second.download_name]
        return list(dict.fromkeys([self.base, *first, *more]))

    @property
    def source(self) -> str:
        """Its origin as text."""
        return f"{self.entry.member} in {self.url}" if self.entry.member else self.url


def find_wanted(system: str | Path) -> list[Wanted]:
    """The files of a system for which its manifest has a URL, whether they are here or not.

    A network that is not converted yet is wanted as the checkpoint that it is made from. Raises
    ConfigError for an unknown system; WeightsError where a file is neither here nor published.
    """
    spec, folder = find_system(system)
    entries = read_manifest(folder)
    found = []
    for name in spec.files:
        checkpoint = checkpoint_of(entries, name)
        if name in entries and entries[name].url is not None:
            found.append(Wanted(folder, name, entries[name]))
        elif weights_path(folder, name).exists():
            continue  # in git, or converted, and verified whenever it is read
        elif checkpoint is not None and entries[checkpoint].url is not None:
            found.append(Wanted(folder, checkpoint, entries[checkpoint]))
        else:
            raise WeightsError(
                f"system {spec.name}", got=f"no place to fetch {name} from",
                expected="published weights",
                hint=f"train it, or put your own at {weights_path(folder, name)}",
            )  # fmt: skip
    return found
