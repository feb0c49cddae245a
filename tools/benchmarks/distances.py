"""Distances between sets of images, in NumPy. Compare equal counts only: all but the energy distance read higher for fewer
images. `floor` rows in the tables are those of training images, the best that a model can do."""
import numpy as np


class Distances:
    """To held-out images. Frechet, energy and sliced Wasserstein distances are those of the first 64 principal components
    of the training images, not whitened, pixels in [-1, 1]."""
    names = ["Frechet", "energy", "sliced Wasserstein", "spectrum"]

    def __init__(self, train, held_out, components=64):
        random = np.random.default_rng(0)
        rows = train.reshape(len(train), -1)[:20000]
        self.mean = rows.mean(0)
        rows = rows - self.mean
        basis = random.standard_normal((rows.shape[1], min(components + 32, rows.shape[1])), dtype=np.float32)
        for _ in range(8):  # subspace iteration
            basis = np.linalg.qr(rows.T @ (rows @ basis))[0]
        self.basis = basis @ np.linalg.svd(rows @ basis, full_matrices=False)[2].T[:, :components]
        self.directions = random.standard_normal((components, 256))
        self.directions /= np.linalg.norm(self.directions, axis=0)
        self.real, self.real_spectrum = self.features(held_out), rings(held_out).mean(0)

    def features(self, images):
        return ((images.reshape(len(images), -1) - self.mean) @ self.basis).astype(float)

    def of(self, images):
        """As `names`. Spectrum: the mean over rings of |power / held-out power - 1|."""
        x = self.features(images)
        if len(x) != len(self.real):
            raise ValueError(f"{len(x)} images against {len(self.real)} held-out ones")
        return [frechet(x, self.real), energy(x, self.real), sliced_wasserstein(x, self.real, self.directions),
                np.abs(rings(images).mean(0) / self.real_spectrum - 1).mean()]


def frechet(x, y):
    """|m_x - m_y|^2 + tr(C_x + C_y - 2 (C_x C_y)^(1/2)), as in FID; Dowson and Landau 1982."""
    cov_x, cov_y = np.cov(x.T), np.cov(y.T)
    values, vectors = np.linalg.eigh(cov_x)
    root = vectors * np.sqrt(values.clip(0)) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root @ cov_y @ root).clip(0)).sum()
    return np.sum((x.mean(0) - y.mean(0)) ** 2) + np.trace(cov_x) + np.trace(cov_y) - 2 * cross


def lengths(a, b):
    """|a_i - b_j| of rows."""
    return np.sqrt((np.sum(a**2, 1)[:, None] + np.sum(b**2, 1) - 2 * a @ b.T).clip(0))


def energy(x, y):
    """2 E|x - y| - E|x - x'| - E|y - y'|, unbiased; Szekely and Rizzo 2013."""
    def within(a):
        distances = lengths(a, a)
        np.fill_diagonal(distances, 0)
        return distances.sum() / (len(a) * (len(a) - 1))

    return 2 * lengths(x, y).mean() - within(x) - within(y)


def energy_test(x, y, permutations=9999):
    """(energy distance, p-value) of rows in the mean-square norm, as framework/evaluation/energy_distance.h does it."""
    rows = np.concatenate([x, y]).reshape(len(x) + len(y), -1)
    rows = rows / np.sqrt(rows.shape[1])
    pooled = lengths(rows, rows)
    np.fill_diagonal(pooled, 0)
    n, m = len(x), len(y)

    def between(first):
        within_x = np.sum(first * (pooled @ first), 0)
        across = pooled.sum(1) @ first - within_x
        within_y = pooled.sum() - 2 * across - within_x
        return 2 * across / (n * m) - within_x / (n * (n - 1)) - within_y / (m * (m - 1))

    given = between(np.repeat([1.0, 0.0], [n, m])[:, None])[0]
    random = np.random.default_rng(0)
    parts = [between((random.random((n + m, 500)).argsort(0) < n).astype(float)) for _ in range(-(-permutations // 500))]
    divided = np.concatenate(parts)[:permutations]
    return given, (1 + np.sum(divided >= given - 1e-12 * pooled.mean())) / (1 + permutations)


def sliced_wasserstein(x, y, directions):
    """Root mean square over directions [d, k] of the 2-Wasserstein distances of the projections."""
    return np.sqrt(np.mean((np.sort(x @ directions, 0) - np.sort(y @ directions, 0)) ** 2))


def rings(images):
    """Power |FFT|^2 / pixels of each image, mean over channels and rings of equal rounded frequency 0..L/2: [n, L/2 + 1]."""
    size = images.shape[-1]
    power = (np.abs(np.fft.fft2(images)) ** 2).mean(1) / size**2
    k = np.fft.fftfreq(size, 1 / size)
    ring = np.rint(np.hypot(k[:, None], k)).astype(int)
    return np.stack([power[:, ring == r].mean(1) for r in range(size // 2 + 1)], 1)


def bootstrap(statistic, rows, times=200):
    """(value, low, high): statistic(rows), and the middle 95 % of it on rows drawn with replacement."""
    random = np.random.default_rng(0)
    drawn = [statistic(rows[random.integers(0, len(rows), len(rows))]) for _ in range(times)]
    return statistic(rows), *np.quantile(drawn, [0.025, 0.975])
