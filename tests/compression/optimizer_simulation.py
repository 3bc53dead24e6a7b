"""What the compressed optimizers must compute, written out in float64, all ranks in one loop."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from tests.compression.learner import NUMEL, cut, decays, gradient, rate, rates, start
from tests.compression.simulation import Simulation, coded

BETA1, BETA2, EPS = 0.9, 0.99, 1e-8


@dataclass
class Run:
    """What all three share; every vector is flat, over all parameters."""

    ranks: int
    codec: str = "sign"
    corrected: bool = True
    floor: float = 0.1
    clipping: float = 0.0
    kappa: float = 1.0

    def mean(self) -> Simulation:
        padded = -(-NUMEL // (1024 * self.ranks)) * 1024 * self.ranks
        return Simulation(self.codec, self.codec, NUMEL, padded, self.ranks)

    def dense(self, gradients: list[Tensor]) -> Tensor:
        """The clipped mean; what clipping will need later."""
        mean = sum(gradients) / self.ranks
        self.kappa = (self.rms(gradients) / mean.norm()).item()
        return mean * self.factor(mean.norm(), self.clipping)

    def local(self, gradients: list[Tensor]) -> list[Tensor]:
        """Local gradients times their common factor."""
        factor = self.factor(self.rms(gradients), self.clipping * self.kappa)
        return [factor * g for g in gradients]

    def rms(self, gradients: list[Tensor]) -> Tensor:
        return torch.stack([g.norm() ** 2 for g in gradients]).mean().sqrt()

    def factor(self, norm: Tensor, limit: float) -> float:
        return min(1.0, limit / (norm.item() + 1e-6)) if self.clipping else 1.0

    def fix(self, beta: float, updates: int) -> float:
        return 1 - beta**updates if self.corrected else 1.0

    def lows(self, root: Tensor) -> Tensor:
        """The floor of each element."""
        rows = root.split(1024)
        low = [self.floor * (row**2).mean().sqrt().expand(len(row)) for row in rows]
        return torch.cat(low)

    def mask(self, variance: Tensor) -> Tensor:
        return (variance > 0).double() if self.floor else torch.ones_like(variance)


def onebit_adam(run: Run, freeze: int, steps: int, down: str = "") -> Iterator[Tensor]:
    """Parameters after each step; with `down`, what that codec of the differences makes of them."""
    theta, mean = start(), run.mean()
    replica = theta
    m, v = torch.zeros_like(theta), torch.zeros_like(theta)
    for t in range(1, steps + 1):
        local = [gradient(replica, rank, t) for rank in range(run.ranks)]
        if t <= freeze:
            g = run.dense(local)
            m = BETA1 * m + (1 - BETA1) * g
            v = BETA2 * v + (1 - BETA2) * g**2
            root = (v / run.fix(BETA2, t)).sqrt()
        else:
            m = mean([BETA1 * m + (1 - BETA1) * g for g in run.local(local)]) * run.mask(v)
        if t == freeze + 1:
            root = torch.maximum(root, run.lows(root))
        update = m / run.fix(BETA1, t) / (root + EPS) + decays() * theta
        theta = theta - rate(t) * rates() * update
        if t <= freeze or not down:
            replica = theta
        else:
            difference = torch.zeros_like(mean.real)
            difference[:NUMEL] = theta - replica
            replica = replica + coded(down, difference, mean.real)[:NUMEL]
        yield replica


@dataclass
class Policy:
    """When 0/1 Adam does what."""

    var_freeze_step: int
    var_update_scaler: int
    local_step_scaler: int
    local_step_clipper: int


def zero_one_adam(run: Run, policy: Policy, steps: int) -> Iterator[Tensor | None]:
    """Parameters after each step; None where ranks are apart."""
    mean, anchor = run.mean(), start()
    thetas, m = [anchor] * run.ranks, [torch.zeros(NUMEL, dtype=torch.float64)] * run.ranks
    v, updates, counter, every = torch.zeros_like(anchor), 0, 0, 1
    interval, moved, total, shrink = 1, [0.0] * run.ranks, 0.0, 1.0
    for t in range(1, steps + 1):
        local = [gradient(theta, rank, t) for rank, theta in enumerate(thetas)]
        lr = rate(t) * rates()
        fix = run.fix(BETA1, t)
        if t <= policy.var_freeze_step:
            if t % every == 0:
                g = run.dense(local)
                v, updates = BETA2 * v + (1 - BETA2) * g**2, updates + 1
                root = (v / run.fix(BETA2, updates)).sqrt()
                if every > 1:
                    root = torch.maximum(root, run.lows(root))
                counter += 1
            else:
                root = (v / run.fix(BETA2, updates)).sqrt()
                root = torch.maximum(root, run.lows(root))
                g = mean(run.local(local)) * run.mask(v)
            m = [BETA1 * m[0] + (1 - BETA1) * g] * run.ranks
            anchor = anchor - lr * (m[0] / fix / (root + EPS) + decays() * anchor)
            thetas = [anchor] * run.ranks
            if counter == policy.var_update_scaler:
                counter, every = 0, 2 * every
            if t == policy.var_freeze_step:
                mean = run.mean()
                root = (v / run.fix(BETA2, updates)).sqrt()
                root = torch.maximum(root, run.lows(root)) + EPS
            yield anchor
            continue
        pairs = zip(m, run.local(local), strict=True)
        m = [(BETA1 * one + (1 - BETA1) * g) * run.mask(v) for one, g in pairs]
        moved = [z + lr / fix * one for z, one in zip(moved, m, strict=True)]
        total, shrink = total + lr / fix, shrink * (1 - lr * decays())
        if t % interval == 0:
            common = mean([z / total for z in moved]) * run.mask(v)
            anchor = anchor * shrink - total * common / root
            m, thetas = [common] * run.ranks, [anchor] * run.ranks
            moved, total, shrink = [0.0] * run.ranks, 0.0, 1.0
            yield anchor
        else:
            pairs = zip(thetas, m, strict=True)
            thetas = [(1 - lr * decays()) * p - lr / fix * one / root for p, one in pairs]
            yield None
        if (t - policy.var_freeze_step) % policy.local_step_scaler == 0:
            interval = min(policy.local_step_clipper, 2 * interval)


@dataclass
class Ratios:
    """The bounds of LAMB's layer ratios."""

    max_coeff: float = 10.0
    min_coeff: float = 0.01
    coeff_beta: float = 0.9
    factor_max: float = 4.0
    factor_min: float = 0.5
    factor_threshold: float = 0.1


def onebit_lamb(run: Run, bounds: Ratios, freeze: int, steps: int) -> Iterator[Tensor]:
    """Parameters after each step."""
    theta, mean = start(), run.mean()
    m, v = torch.zeros_like(theta), torch.zeros_like(theta)
    tensors = len(cut(theta))
    average, weight, factor = [0.0] * tensors, [0.0] * tensors, [1.0] * tensors
    for t in range(1, steps + 1):
        local, before = [gradient(theta, rank, t) for rank in range(run.ranks)], m
        if t <= freeze:
            g = run.dense(local)
            m = BETA1 * m + (1 - BETA1) * g
            v = BETA2 * v + (1 - BETA2) * g**2
            fresh, root = v, (v / run.fix(BETA2, t)).sqrt()
        else:
            m = mean([BETA1 * m + (1 - BETA1) * g for g in run.local(local)]) * run.mask(v)
            fresh = BETA2 * fresh + (1 - BETA2) * ((m - BETA1 * before) / (1 - BETA1)) ** 2
            if t == freeze + 1:
                lows = run.lows(root)
                root = torch.maximum(root, lows)
            alive = torch.maximum((fresh / run.fix(BETA2, t)).sqrt(), lows)
            grown = run.mask(v) * (root + EPS) / (alive + EPS)
        bare = m / run.fix(BETA1, t) / (root + EPS)
        pieces = []
        for index, (p, u0) in enumerate(zip(cut(theta), cut(bare), strict=True)):
            u = u0 + cut(decays())[index] * p
            if t <= freeze:
                ratio = 1.0
                if p.norm() > 0 and u.norm() > 0:
                    ratio = (p.norm() / u.norm()).item()
                    ratio = min(max(ratio, bounds.min_coeff), bounds.max_coeff)
                if ratio != 1:
                    keep = bounds.coeff_beta
                    average[index] = keep * average[index] + (1 - keep) * ratio
                    weight[index] = keep * weight[index] + 1 - keep
            else:
                share = min(1.0, (u0.norm() / u.norm()).item()) if u.norm() > 0 else 1.0
                wanted = cut(grown)[index].max().item() * share + 1 - share
                wanted = min(max(wanted, bounds.factor_min), bounds.factor_max)
                low = (1 - bounds.factor_threshold) * factor[index]
                high = (1 + bounds.factor_threshold) * factor[index]
                factor[index] = min(max(wanted, low), high)
                kept = (
                    average[index] / (weight[index] if run.corrected else 1) if weight[index] else 1
                )
                ratio = kept * factor[index]
            pieces.append(p - rate(t) * cut(rates())[index] * ratio * u)
        theta = torch.cat([piece.flatten() for piece in pieces])
        yield theta
