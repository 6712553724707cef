#!/usr/bin/env python3
"""Compares `cachebench match` with a plain reading of the same rules.

usage: compare-match.py CACHEBENCH CORPUS.jsonl.gz...

A corpus has one JSON object a line: {ref, platform, digest?, layers: [{digest,
size, mediaType}...]}, base layer first, compressed bytes. For each corpus and
platform a seeded random half of its images is put into caches of 1 to 20; then
every image alone, by its tag and by its digest, and a thousand groups of three,
are matched against them, by cachebench and here. Compared are, for every group, the cache picked, whether an
automatic cache follows, and the bytes and layers present and missing, by digest
and by chain; and their totals; and for each image by itself the cache that shares
most bytes with it (match --each). It shares no code with cachebench.
"""
import collections
import gzip
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time

NOW = "2026-11-23T00:00:00Z"
STATUSES = ["Ready"] * 8 + ["Creating", "Updating"]


def made_up(row):
    """A digest for an image whose own is not on record: that of its layers."""
    return "sha256:" + hashlib.sha256(json.dumps([l["digest"] for l in row["layers"]]).encode()).hexdigest()


def read(path):
    images = collections.defaultdict(dict)
    for line in gzip.open(path, "rt"):
        row = json.loads(line)
        ref = row["ref"]
        if ":" in ref.rsplit("/", 1)[-1] and "@" not in ref:
            images[row["platform"]].setdefault(ref, (row.get("digest") or made_up(row), row["layers"]))
    return images


def inventory(images, platform):
    layers, number = [], {}
    out = []
    pinned = {repository(ref) + "@" + digest: (digest, own) for ref, (digest, own) in images.items()}
    for ref, (digest, own) in list(images.items()) + list(pinned.items()):
        positions = []
        for layer in own:
            if layer["digest"] not in number:
                number[layer["digest"]] = len(layers)
                layers.append({"digest": layer["digest"], "mediaType": layer["mediaType"], "compressedBytes": layer["size"]})
            positions.append(number[layer["digest"]])
        out.append({"reference": ref, "digest": digest, "platform": platform, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                    "configDigest": "sha256:" + "0" * 64, "layers": positions})
    return {"apiVersion": "cachebench/v1", "kind": "Inventory", "resolvedAt": NOW, "images": out, "layers": layers}


def make_caches(images, rng):
    half = rng.sample(sorted(images), len(images) // 2)
    caches = []
    while half:
        n = min(len(half), rng.choice([1, 1, 2, 3, 4, 6, 20]))
        held, half = half[:n], half[n:]
        if rng.random() < 0.3:  # something popular again, so that caches compete
            held = sorted(set(held + rng.sample(sorted(images), min(3, 20 - len(held)))))
        caches.append({
            "id": "imc-%04d" % len(caches), "images": held, "sizeGiB": rng.choice([20, 25, 30, 40, 60]), "status": rng.choice(STATUSES),
            "creationTime": "2026-11-%02dT00:00:00Z" % rng.randint(1, 20), "automatic": rng.random() < 0.4,
        })
    return {"apiVersion": "cachebench/v1", "kind": "Caches", "caches": caches}


def groups(images, rng):
    refs = sorted(images)
    out = [[r] for r in refs] + sorted({repository(r) + "@" + images[r][0] for r in refs})
    out = [g if isinstance(g, list) else [g] for g in out]
    for _ in range(1000):
        out.append(sorted(set(rng.sample(refs, min(3, len(refs))))))
    return out


def repository(ref):
    return ref.split("@")[0] if "@" in ref else ref[: ref.rindex(":")]


def agrees(ref, held, images):
    """ref is held under its tag or, by its digest, under any tag of the repository."""
    if "@" not in ref:
        return ref == held
    return repository(held) == repository(ref) and images[held][0] == ref.split("@")[1]


def layers_of(ref, images, pinned):
    return images[ref][1] if ref in images else pinned[ref]


def chains(layers):
    name, out = "", []
    for layer in layers:
        name += layer["digest"] + "/"
        out.append(name)
    return out


def expect(images, caches, group, by_repository, pinned):
    """The rules of the fact sheet, 1.9, with the defaults of section 6."""
    best = None
    for i in {i for ref in group for i in by_repository[repository(ref)]}:
        c = caches[i]
        if c["status"] != "Ready" or (c["automatic"] and c["sizeGiB"] > 30):
            continue
        full = [r for r in group if any(agrees(r, held, images) for held in c["images"])]
        if not full:
            continue
        other = [r for r in group if r not in full and i in by_repository[repository(r)]]
        matched = sum({l["digest"]: l["size"] for r in full for l in layers_of(r, images, pinned)}.values())
        key = (-len(full), -len(other), abs(c["sizeGiB"] - 30), tuple(-ord(ch) for ch in c["creationTime"]), -matched, c["sizeGiB"], c["id"])
        if best is None or key < best[0]:
            best = (key, c, len(full))
    cache = best[1] if best else None
    held = cache["images"] if cache else []
    blobs = {l["digest"] for r in held for l in images[r][1]}
    unpacked = {ch for r in held for ch in chains(images[r][1])}
    need = {l["digest"]: l["size"] for r in group for l in layers_of(r, images, pinned)}
    need_chains = {ch: l for r in group for ch, l in zip(chains(layers_of(r, images, pinned)), layers_of(r, images, pinned))}
    missing = {l["digest"]: l["size"] for ch, l in need_chains.items() if ch not in unpacked}
    return {
        "cacheId": cache["id"] if cache else "", "createsAutomatic": not (best and best[2] == len(group)),
        "needBytes": sum(need.values()), "needLayers": len(need),
        "digestPresentBytes": sum(s for d, s in need.items() if d in blobs), "digestMissingLayers": sum(d not in blobs for d in need),
        "chainFetchBytes": sum(missing.values()), "chainMissingLayers": sum(ch not in unpacked for ch in need_chains),
    }


def told(match):
    o = match["overlap"]
    return {
        "cacheId": match.get("cacheId", ""), "createsAutomatic": match.get("createsAutomatic", False),
        "needBytes": o["compressedBytes"], "needLayers": o["layers"],
        "digestPresentBytes": o["byDigest"]["presentBytes"], "digestMissingLayers": o["byDigest"]["missingLayers"],
        "chainFetchBytes": o["byChain"]["fetchBytes"], "chainMissingLayers": o["byChain"]["missingLayers"],
    }


def compare_each(program, directory, platform, images, caches):
    """The cache that shares most bytes with each image, by a scan of all."""
    run = subprocess.run([program, "match", "--each", "--inventory", directory + "/inventory.json", "--caches", directory + "/caches.json",
                          "--platform", platform, "--now", NOW, "--output", "json"], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit("match --each ended with %d: %s" % (run.returncode, run.stderr))
    answers = {i["reference"]: i for i in json.loads(run.stdout)["images"]}
    held = [(c["id"], {l["digest"] for ref in c["images"] for l in images[ref][1]}) for c in caches["caches"] if c["status"] == "Ready"]
    wrong = total = 0
    for ref, (_, own) in images.items():
        need, best, most = {l["digest"]: l["size"] for l in own}, "", 0
        for name, blobs in held:
            shared = sum(size for digest, size in need.items() if digest in blobs)
            if shared > most:
                best, most = name, shared
        total += most
        got = answers[ref]
        if (got.get("cacheId", ""), got["sharedBytes"]) != (best, most):
            wrong += 1
            print("  %s: want %s %d, got %s" % (ref, best, most, got))
    print("  each image's best cache shares %d bytes; %d of %d differ" % (total, wrong, len(images)))
    return wrong


def compare(program, name, platform, images, seed):
    rng = random.Random(seed)
    caches = make_caches(images, rng)
    asked = groups(images, rng)
    workload = {"apiVersion": "cachebench/v1", "kind": "Workload",
                "apps": [{"name": "g%05d" % i, "images": g, "startsPerDay": 0, "runtimeSeconds": 60, "cpu": 1, "memoryGiB": 2, "pullPolicy": "IfNotPresent"} for i, g in enumerate(asked)]}
    with tempfile.TemporaryDirectory() as d:
        for kind, value in ("inventory", inventory(images, platform)), ("caches", caches), ("workload", workload):
            with open(os.path.join(d, kind + ".json"), "w") as f:
                json.dump(value, f)
        start = time.time()
        run = subprocess.run([program, "match", "--inventory", d + "/inventory.json", "--caches", d + "/caches.json", "--workload", d + "/workload.json",
                              "--platform", platform, "--now", NOW, "--output", "json"], capture_output=True, text=True)
        took = time.time() - start
        each = compare_each(program, d, platform, images, caches)
    if run.returncode != 0:
        sys.exit("%s: match ended with %d: %s" % (name, run.returncode, run.stderr))
    matches = json.loads(run.stdout)["matches"]
    if len(matches) != len(asked):
        sys.exit("%s: %d answers to %d groups" % (name, len(matches), len(asked)))
    by_repository = collections.defaultdict(set)
    pinned = {repository(ref) + "@" + digest: own for ref, (digest, own) in images.items()}
    for i, c in enumerate(caches["caches"]):
        for ref in c["images"]:
            by_repository[repository(ref)].add(i)
    wrong, totals, ours = each, collections.Counter(), collections.Counter()
    for group, match in zip(asked, matches):
        want, got = expect(images, caches["caches"], group, by_repository, pinned), told(match)
        if want != got:
            wrong += 1
            if wrong <= 5:
                print("  %s: want %s, got %s" % (group, want, got))
        for total, values in (totals, want), (ours, got):
            for key, value in values.items():
                total[key] += value != "" if key == "cacheId" else value
    print("%s %s: %d images, %d caches, %d groups, %.1f s" % (name, platform, len(images), len(caches["caches"]), len(asked), took))
    for key in sorted(totals):
        print("  %-20s %16d %16d %s" % ({"cacheId": "matched", "createsAutomatic": "automatic made"}.get(key, key), totals[key], ours[key], "" if totals[key] == ours[key] else "DIFFERS"))
    return wrong


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    wrong = 0
    for path in sys.argv[2:]:
        for platform, images in sorted(read(path).items()):
            wrong += compare(sys.argv[1], os.path.basename(path), platform, images, seed=1)
    print("all answers agree" if wrong == 0 else "%d answers differ" % wrong)
    sys.exit(wrong != 0)


main()
