"""Journals beyond what the store keeps: segment files, who writes them, and one reader of both."""

from __future__ import annotations

from cluster.archive.base import Archive, ArchiveDamaged, ArchiveOptions
from cluster.archive.directory import ArchiveDirectory
from cluster.archive.history import ArchivedStore

__all__ = ["Archive", "ArchiveDamaged", "ArchiveDirectory", "ArchiveOptions", "ArchivedStore"]
