"""Writes the seeds of decode_fuzz and omniglot_fuzz: small images of every format, and names of files (needs python3-pil).

    python3 tests/fuzz/make_seeds.py tests/fuzz/corpus
"""

import io
import sys
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 5, 4


def picture(mode: str) -> Image.Image:
    made = Image.new("RGBA", (WIDTH, HEIGHT))
    made.putdata([(40 * x, 60 * y, 10 * x * y, 255 - 50 * x) for y in range(HEIGHT) for x in range(WIDTH)])
    if mode == "P":
        return made.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE, colors=8)
    if mode in ("I;16", "F"):
        deep = Image.new(mode, (WIDTH, HEIGHT))
        deep.putdata([3000 * x + 100 * y for y in range(HEIGHT) for x in range(WIDTH)])
        return deep
    return made.convert(mode)


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: a quarter turn
    return exif


IMAGES = {
    "grey.png": ("L", "PNG", {}), "rgb.png": ("RGB", "PNG", {"exif": turned()}), "rgba.png": ("RGBA", "PNG", {}),
    "la.png": ("LA", "PNG", {}), "palette.png": ("P", "PNG", {"transparency": 3}), "16.png": ("I;16", "PNG", {}),
    "1.png": ("1", "PNG", {}),
    "grey.jpg": ("L", "JPEG", {}), "rgb.jpg": ("RGB", "JPEG", {"exif": turned()}), "cmyk.jpg": ("CMYK", "JPEG", {}),
    "progressive.jpg": ("RGB", "JPEG", {"progressive": True}),
    "grey.bmp": ("L", "BMP", {}), "rgb.bmp": ("RGB", "BMP", {}), "rgba.bmp": ("RGBA", "BMP", {}), "1.bmp": ("1", "BMP", {}),
    "grey.tif": ("L", "TIFF", {}), "rgb.tif": ("RGB", "TIFF", {"compression": "tiff_lzw"}),
    "rgba.tif": ("RGBA", "TIFF", {"compression": "tiff_adobe_deflate"}), "16.tif": ("I;16", "TIFF", {}),
    "float.tif": ("F", "TIFF", {}), "packbits.tif": ("RGB", "TIFF", {"compression": "packbits"}),
    "1.tif": ("1", "TIFF", {"compression": "group4"}), "jpeg.tif": ("RGB", "TIFF", {"compression": "jpeg"}),
    "grey.pgm": ("L", "PPM", {}), "rgb.ppm": ("RGB", "PPM", {}), "1.pbm": ("1", "PPM", {}),
    "rgb.webp": ("RGB", "WEBP", {}), "rgba.webp": ("RGBA", "WEBP", {"lossless": True}),
}
TEXTS = {
    "ascii.pgm": b"P2\n# a comment\n3 2\n255\n0 100 200\n255 50 25\n", "ascii.ppm": b"P3 1 2 15 1 2 3 4 5 6\n",
    "ascii.pbm": b"P1\n4 2\n0 1 0 1\n1 0 1 0\n", "16.pgm": b"P5 2 1 65535 \x12\x34\xff\xff", "huge.pgm": b"P5\n65535 65535\n255\n",
    "gray.pam": b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 1\nMAXVAL 255\nTUPLTYPE GRAYSCALE\nENDHDR\n\x01\x02\x03\x04",
    "flat.hdr": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 2\n\x80\x80\x80\x80\x40\x40\x40\x80",
    "sun.ras": bytes.fromhex("59a66a95 00000002 00000002 00000008 00000004 00000001 00000000 00000000") + b"\x01\x02\x03\x04",
    "float.pfm": b"Pf\n1 1\n-1.0\n\x00\x00\x80\x3f",
}
OMNIGLOT = {
    "images": "Greek/character01/0001_01.png png\nGreek/character01/0001_02.png png\nLatin/character01/0002_01.png png\n",
    "runs": "run01/class_labels.txt run01/test/item01.png run01/training/class01.png|run01/test/item02.png run01/training/class02.png|\n"
            "run01/test/item01.png png\nrun01/test/item02.png png\nrun01/training/class01.png png\nrun01/training/class02.png png\n",
    "text_for_png": "Greek/character01/0001_01.png text\n", "no_label": "run01/test/item01.png png\nrun01/training/class01.png png\n",
}


def main() -> None:
    corpus = Path(sys.argv[1])
    for kind in ("decode", "omniglot"):
        (corpus / kind).mkdir(parents=True, exist_ok=True)
    for name, (mode, form, how) in IMAGES.items():
        file = io.BytesIO()
        picture(mode).save(file, form, **how)
        (corpus / "decode" / name).write_bytes(file.getvalue())
    for name, text in TEXTS.items():
        (corpus / "decode" / name).write_bytes(text)
    for name, text in OMNIGLOT.items():
        (corpus / "omniglot" / name).write_text(text)


if __name__ == "__main__":
    main()
