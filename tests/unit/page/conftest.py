from tests.unit.cli.commands_kit import bench
from tests.unit.cli.published_kit import published, s3, snapshot
from tests.unit.page.page_kit import files, page, server

__all__ = ["bench", "files", "page", "published", "s3", "server", "snapshot"]
