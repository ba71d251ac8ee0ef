"""The audio store: where segments and finished files are kept."""

from app.audio.folder import FolderAudioStore

__all__ = ["FolderAudioStore"]
