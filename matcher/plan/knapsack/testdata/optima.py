#!/usr/bin/env python3
"""Optima of planning instances by HiGHS.

usage: benchplan -write -images 50 -seeds 1-100 | optima.py shared|separate [SECONDS]

Reads lines of NAME, a tab and an instance in JSON; writes a line of CSV for each:
storage, name, optimum (the best found where it is not proven), bound, status, CPU seconds.
Needs Debian's python3-scipy, whose scipy.optimize.milp is HiGHS.

The model is that of the package comment of knapsack: y(j) a cache is chosen, z(l) a
layer is paid, x(i,j) image i is served by cache j. Beside what makes it right (x(i,j) <=
y(j), y(j) <= z(l), the budget, each image served once) it has rows that hold of every
choice and make HiGHS some ten times as fast: the shares of an image that are served by
caches with layer l are at most z(l). PLAIN=1 leaves them out.
"""
import json
import os
import sys
import time

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_matrix

STATUS = {0: "optimal", 1: "limit", 2: "infeasible", 3: "unbounded", 4: "other"}


class Rows:
    """Rows of a sparse matrix, each with an upper limit."""

    def __init__(self):
        self.row, self.column, self.value, self.most = [], [], [], []

    def add(self, terms, most):
        for column, value in terms:
            self.row.append(len(self.most))
            self.column.append(column)
            self.value.append(value)
        self.most.append(most)

    def constraint(self, columns):
        shape = (len(self.most), columns)
        return LinearConstraint(csr_matrix((self.value, (self.row, self.column)), shape=shape), -np.inf, np.array(self.most))


def served(instance):
    """The image, the cache and the seconds saved, of every pair that shares a layer."""
    seconds = [mb / instance["megabytesPerSecond"] + instance["secondsPerLayer"] for mb in instance["layerMB"]]
    caches = [frozenset(c) for c in instance["candidates"]]
    for i, image in enumerate(instance["images"]):
        layers = frozenset(image["layers"])
        for j, cache in enumerate(caches):
            if both := layers & cache:
                yield i, j, image["pods"] * sum(seconds[l] for l in both)


def solve(instance, shared, limit):
    caches, mb, fixed = instance["candidates"], instance["layerMB"], instance["fixedMBPerCache"]
    pairs = list(served(instance))
    y, z = len(pairs), len(pairs) + len(caches)
    columns = z + (len(mb) if shared else 0)
    rows, of = Rows(), {}
    for k, (i, j, _) in enumerate(pairs):
        rows.add([(k, 1), (y + j, -1)], 0)
        of.setdefault(i, []).append((k, j))
    for options in of.values():
        rows.add([(k, 1) for k, _ in options], 1)
    if shared:
        for options in of.values() if "PLAIN" not in os.environ else ():
            by = {}
            for k, j in options:
                for l in caches[j]:
                    by.setdefault(l, []).append(k)
            for l, ks in by.items():
                rows.add([(k, 1) for k in ks] + [(z + l, -1)], 0)
        for j, cache in enumerate(caches):
            for l in cache:
                rows.add([(y + j, 1), (z + l, -1)], 0)
        costs = [(y + j, fixed) for j in range(len(caches))] + [(z + l, mb[l]) for l in range(len(mb))]
    else:
        costs = [(y + j, fixed + sum(mb[l] for l in cache)) for j, cache in enumerate(caches)]
    rows.add(costs, instance["budgetMB"])
    gain = np.zeros(columns)
    gain[: len(pairs)] = [-g for _, _, g in pairs]
    whole = np.ones(columns)
    whole[: len(pairs)] = 0
    return milp(gain, constraints=rows.constraint(columns), integrality=whole, bounds=Bounds(0, 1),
                options={"time_limit": limit, "mip_rel_gap": 1e-8})


def main():
    storage = sys.argv[1]
    limit = float(sys.argv[2]) if len(sys.argv) > 2 else 600
    for line in sys.stdin:
        name, text = line.rstrip("\n").split("\t", 1)
        start = time.process_time()
        found = solve(json.loads(text), storage == "shared", limit)
        best = f"{-found.fun:.6f}" if found.fun is not None else ""
        print(f"{storage},{name},{best},{-found.mip_dual_bound:.6f},{STATUS[found.status]},{time.process_time() - start:.2f}", flush=True)


if __name__ == "__main__":
    main()
