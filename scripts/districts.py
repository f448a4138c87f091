#!/usr/bin/env python3
"""Writes survey/anonymise/districts.bin.gz, once for a state of the borders.

Usage: scripts/districts.py VG250_KRS.dbf kreise.geojson

Both are of the Federal Agency for Cartography and Geodesy (BKG), licence
dl-de/by-2-0: VG250-EW (inhabitants and area of districts) and the districts'
polygons of VG5000 in WGS 84. They are joined on ARS. The format is in
survey/anonymise/districts.go.
"""
import gzip, json, struct, sys

d = open(sys.argv[1], "rb").read()
n, head, size = struct.unpack("<IHH", d[4:12])
fields, p, at = [], 32, 1
while d[p] != 13:
    fields.append((d[p:p + 11].split(b"\0")[0].decode(), at, d[p + 16]))
    at += d[p + 16]
    p += 32
known = {}
for i in range(n):
    r = d[head + i * size:head + (i + 1) * size]
    row = {f: r[a:a + l].decode("utf-8").strip() for f, a, l in fields}
    if row["GF"] == "4":
        known[row["ARS"]] = row

out = bytearray()


def number(v):
    while v >= 128:
        out.append(v & 127 | 128)
        v >>= 7
    out.append(v)


def signed(v):
    number(v << 1 if v >= 0 else (-v << 1) - 1)


def text(s):
    b = s.encode()
    number(len(b))
    out.extend(b)


features = json.load(open(sys.argv[2]))["features"]
features.sort(key=lambda f: f["properties"]["ARS"])
number(len(features))
for f in features:
    row = known[f["properties"]["ARS"]]
    text(row["NUTS"])
    text(row["GEN"])
    number(int(row["EWZ"]))
    number(round(float(row["KFL"]) * 100))  # hectares
    g = f["geometry"]
    polygons = g["coordinates"] if g["type"] == "MultiPolygon" else [g["coordinates"]]
    rings = [ring for polygon in polygons for ring in polygon]
    number(len(rings))
    for ring in rings:
        number(len(ring))
        x = y = 0
        for point in ring:
            u, v = round(point[0] * 1e5), round(point[1] * 1e5)
            signed(u - x)
            signed(v - y)
            x, y = u, v
with open("survey/anonymise/districts.bin.gz", "wb") as f:
    f.write(gzip.compress(bytes(out), 9, mtime=0))
