"""The receipt's QR code, put together from differences, reads as the library's own would."""

import base64
import io

import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from survey.box.collection import ALPHABET
from survey.phone import qr


def read(address):
    picture = Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,"))))
    assert picture.mode == "1" and picture.width == picture.height
    return zxingcpp.read_barcode(picture.resize((picture.width * 4,) * 2)).text


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["http://127.0.0.1:8000/published/K7Q2M4XD#", "https://ceping.example.gov.cn/published/K7Q2M4XD#", "https://测评.example/p#"]),
    st.text(ALPHABET, min_size=10, max_size=10),
)
def test_every_receipt_reads(head, receipt):
    assert read(qr.picture(head, receipt)) == head + receipt


def test_an_address_too_long_for_the_table_still_reads():
    head = "https://" + "a" * 220 + ".example/published/K7Q2M4XD#"
    assert read(qr.picture(head, "0123456789")) == head + "0123456789"
