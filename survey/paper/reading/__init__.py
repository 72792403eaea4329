"""Reads filled sheets: picture → sheet found → boxes judged, each question certain, blank or for a person.

    for picture in pictures(upload):
        page = read(picture, geometries, collection)

`picture` opens uploads, `find` finds the sheet in a picture, `judge` looks for ink, `batch` puts sheets together.
What is not certain is left to a person; a wrong certain reading is the failure that counts. Needs the extra `scan`.
"""

try:
    import cv2
    import numpy  # noqa: F401
    import pypdfium2  # noqa: F401
    import zxingcpp  # noqa: F401
except ImportError as error:
    raise ImportError("识读纸票需要附加组件 scan：pip install 'minzhu-ceping[scan]'（没有它，请用录入）。") from error

from survey.paper.reading.batch import Batch, collate
from survey.paper.reading.page import REASONS, WHYS, Page, Reading, Reason, Verdict, Why, crop, read, whole
from survey.paper.reading.picture import Picture, Unreadable, pictures

cv2.setNumThreads(1)

__all__ = [
    "REASONS", "WHYS", "Batch", "Page", "Picture", "Reading", "Reason", "Unreadable", "Verdict", "Why",
    "collate", "crop", "pictures", "read", "whole",
]  # fmt: skip
