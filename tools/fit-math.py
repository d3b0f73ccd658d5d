#!/usr/bin/env python3
"""Fits the polynomials of src/kernels/ref/math.c and kernels/x16/math.h; needs mpmath and numpy.

Least maximum relative error by Lawson's method: weighted least squares in 40 digits at Chebyshev
points, each weight multiplied by its error until the errors are level. Prints the error and the
coefficients, lowest power first, rounded to f32."""
import mpmath as mp
import numpy as np

mp.mp.dps = 40


def solve(rows, values, weights):
    m = len(rows[0])
    a, b = mp.matrix(m, m), mp.matrix(m, 1)
    for row, y, w in zip(rows, values, weights):
        for i in range(m):
            b[i] += w * row[i] * y
            for j in range(m):
                a[i, j] += w * row[i] * row[j]
    return list(mp.lu_solve(a, b))


def fit(name, f, scale, powers, lo, hi, points, rounds):
    """f(x) by a sum of x^p, p in powers; errors are counted relative to scale(x)."""
    mid, half = (lo + hi) / 2, (hi - lo) / 2
    xs = [mid + half * mp.cos(mp.pi * (k + mp.mpf(1) / 2) / points) for k in range(points)]
    rows, values = [[x**p for p in powers] for x in xs], [f(x) for x in xs]
    sizes, level = [scale(x) for x in xs], [mp.mpf(1)] * points
    best = None
    for _ in range(rounds):
        c = solve(rows, values, [l / s**2 for l, s in zip(level, sizes)])
        errors = [abs(mp.fdot(c, r) - y) / s for r, y, s in zip(rows, values, sizes)]
        worst = max(errors)
        if best is None or worst < best[0]:
            best = worst, c
        level = [l * e / worst for l, e in zip(level, errors)]
        total = sum(level)
        level = [l / total for l in level]
    print(f"{name}: within {mp.nstr(best[0], 3)}")
    for p, c in zip(powers, best[1]):
        print(f"    x^{p}  {float(np.float32(float(c))).hex()}")


def tail(u):
    """Of the normal distribution at a = (1/u - 1) / 0.3, times e^(a^2/2)."""
    a = (1 / u - 1) / mp.mpf("0.3")
    return mp.erfc(a / mp.sqrt(2)) * mp.exp(a * a / 2) / 2


def main():
    r = mp.log(2) / 2 * mp.mpf("1.001")
    fit("exp: e^r - 1 - r", lambda x: mp.e**x - 1 - x, mp.exp, range(2, 7), -r, r, 200, 30)
    fit(
        "tanh: tanh(x)/x - 1 of z = x^2",
        lambda z: mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1,
        lambda z: mp.mpf(1),
        range(1, 6),
        mp.mpf("1e-9"),
        mp.mpf("0.63") ** 2,
        150,
        30,
    )
    low = 1 / (1 + mp.mpf("0.3") * mp.mpf("14.6"))
    fit("normal tail: u P(u)", tail, tail, range(1, 11), low, mp.mpf(1), 120, 25)


if __name__ == "__main__":
    main()
