"""How alike the network sees samples, as a term of a loss: the paper's k^C, differentiable by the parameters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import index

import torch
from torch import Tensor, nn

from explorer.errors import ShapeError
from explorer.features.outputs import output_selection
from explorer.similarity.kernels import normalizing_roots
from explorer.training.enforcement import OUTPUTS, check_mode
from explorer.training.gradients import sample_gradients
from explorer.training.heard import Select
from explorer.training.inner_products import SampleGradients

FEW = 128
"""Up to so many rows all similarities are formed, which is quicker; beyond, groups are added up without any pair."""


def similarity_loss(
    model: nn.Module,
    inputs: Tensor,
    pairs: Tensor | Sequence[Sequence[int]],
    *,
    mode: str = "reward",
    outputs: str = "all",
    labels: Tensor | None = None,
    output: Callable[[nn.Module, Tensor], Tensor] | None = None,
    parameters: Callable[[str], bool] | None = None,
) -> Tensor:
    """How unlike the network sees samples that ought to be alike: minus their mean similarity, to be minimized.

    Between -1 and 1 (contrast: between -2 and 2), dimensionless; -1 when the network moves every sample of a pair as
    its partner. To be multiplied by a weight and added to a loss. The released code of the paper adds a similarity of
    same-class samples to the loss: that is penalise, not reward.

    A similarity is one of two samples, so it is defined for a fixed network: it is that of evaluation mode, whichever
    mode the model is in. Dropout is off, batch normalization uses its running statistics and does not update them, and
    a network whose answer depends on the rest of the batch is asked about each sample alone.

    Args:
        model: any module that can be differentiated twice. Parameters with requires_grad off are constants.
        inputs: [m, ...] on the model's device.
        pairs: [P, 2] row numbers within inputs, two different ones a pair. Or groups: [m] whole numbers, the group of
            each row (negative: none), or a list of lists of row numbers, each row in one list at most; then all pairs
            of members of one group are meant.
        mode: reward: minus the mean k^C of the pairs. penalise: plus that mean. contrast: the mean k^C of those that
            are no pair (rows of different groups; with [P, 2], two rows that occur in pairs but in none together),
            minus that of the pairs; of the two means, one without any pair counts as zero.
        outputs: all: k^C = Tr K^C / c over all c outputs, as unit_features normalizes them, near-singular Gram matrices
            included. mask: one number a sample, the output of its label minus the mean of the others (1 and -1/(C-1),
            the same on log-softmax, since these add up to zero); k^C is then the cosine of that number's gradients. It
            compares samples of one label. Two that differ are compared by different numbers, which makes them hardly
            alike whatever the network does: for contrast, give all rows one label, or compare all outputs.
        labels: [m] whole numbers, for mask.
        output: (model, inputs) -> [m, C], as Subject.output; the model's plain call when left out.
        parameters: which parameters the gradients are taken of, by name, as Subject.parameters; all when left out.

    Returns:
        Scalar in the model's dtype, with a graph to the parameters; 0 when there is no pair. A sample without a
        gradient has similarity 0 with all others.

    Raises:
        ShapeError: pairs or labels do not belong to the inputs, or no parameter is left.
        EngineError: the network cannot be differentiated twice.

    Cost: a forward and c backward passes to the layers, all kept, and the backward pass through them: with mask about
    twice a plain training step. Groups take time linear in m, pairs the kernel of all rows, O(m² c² q). Memory: the
    activations (1 + 2c) times, and m c gradients of what is neither linear nor of one position. Modules of an unknown
    kind go through torch.func, or one sample after another.
    Paper: Charpiat et al. 2019, section on enforcing similarity; group sums as ‖Σ u‖², u = K(x, x)^{-1/2} ∇f.

    >>> model = nn.Linear(2, 1, bias=False)
    >>> similarity_loss(model, torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 3.0]]), torch.tensor([[0, 2]])).item()
    -0.0
    >>> round(similarity_loss(model, torch.tensor([[1.0, 0.0], [1.0, 1.0]]), [[0, 1]], mode="penalise").item(), 4)
    0.7071
    """
    check_mode(mode)
    found = mean_similarities(
        model, inputs, pairs, outputs=outputs, labels=labels, output=output, parameters=parameters
    )
    return found.loss(mode)


@dataclass(frozen=True)
class Similarities:
    """How alike some samples are on average."""

    same: Tensor
    """Scalar, mean k^C of the pairs; 0 without any."""
    other: Tensor
    """Scalar, mean k^C of those that are no pair; 0 without any."""
    pairs: int
    """How many pairs there were."""
    outputs: Tensor | None
    """[m, C] of the network in evaluation mode, with their graph, where they were a by-product."""

    def loss(self, mode: str) -> Tensor:
        """What a mode minimizes, a scalar."""
        return {"reward": -self.same, "penalise": self.same, "contrast": self.other - self.same}[mode]


def mean_similarities(
    model: nn.Module,
    inputs: Tensor,
    pairs: Tensor | Sequence[Sequence[int]],
    *,
    outputs: str = "all",
    labels: Tensor | None = None,
    output: Callable[[nn.Module, Tensor], Tensor] | None = None,
    parameters: Callable[[str], bool] | None = None,
    alike: Tensor | None = None,
) -> Similarities:
    """Mean k^C of the pairs, and of those that are none; arguments, errors and cost as similarity_loss.

    Args beside these:
        alike: [K, 2] rows that are no others either, though they are none of the pairs; only with pairs [P, 2].
    """
    names = _names(model, parameters)
    if not len(inputs):
        raise ShapeError("expected inputs to compare, found none. Leave the loss out where a batch is empty.")
    pairs, groups = _told(pairs, len(inputs), inputs.device)
    select = _selecting(outputs, labels, len(inputs), inputs.device)
    gradients = sample_gradients(model, output or _plain_output, inputs, select, names)
    is_linear = pairs is None and len(inputs) > FEW
    grams, kernels = (gradients.grams(), None) if is_linear else _grams_and_kernels(gradients)
    roots = normalizing_roots(grams.double()).to(grams.dtype)
    if is_linear:
        sums = _of_groups(gradients, grams, roots, groups)
    else:
        table = torch.einsum("mea,manb,nbe->mn", roots, kernels, roots)
        sums = _chosen(table, pairs, pairs if alike is None else alike) if groups is None else _among(table, groups)
    (same, count), (other, others) = sums
    # A network whose gradients do not depend on its parameters still answers with a graph.
    nothing = 0 * model.get_parameter(names[0]).sum()
    return Similarities(same / max(count, 1) + nothing, other / max(others, 1) + nothing, count, gradients.outputs)


Sum = tuple[Tensor, int]
"""Similarities added up, and of how many pairs."""


def _grams_and_kernels(gradients: SampleGradients) -> tuple[Tensor, Tensor]:
    kernels = gradients.kernels()
    return kernels.diagonal(dim1=0, dim2=2).movedim(-1, 0), kernels


def _chosen(table: Tensor, pairs: Tensor, alike: Tensor) -> tuple[Sum, Sum]:
    """Of the pairs, and of the rows that occur in them but are neither a pair nor known to be alike."""
    is_alike = torch.zeros_like(table, dtype=torch.bool)
    is_alike[alike[:, 0], alike[:, 1]] = True
    occurs = torch.zeros(len(table), dtype=torch.bool, device=table.device)
    occurs[pairs.flatten()] = True
    is_other = (occurs[:, None] & occurs & ~is_alike & ~is_alike.mT).triu(1)
    return (table[pairs[:, 0], pairs[:, 1]].sum(), len(pairs)), (table[is_other].sum(), int(is_other.sum()))


def _among(table: Tensor, groups: Tensor) -> tuple[Sum, Sum]:
    """Of members of one group, and of members of different groups."""
    is_named = ((groups >= 0)[:, None] & (groups >= 0)).triu(1)
    is_same = is_named & (groups[:, None] == groups)
    is_other = is_named & ~is_same
    return (table[is_same].sum(), int(is_same.sum())), (table[is_other].sum(), int(is_other.sum()))


def _of_groups(gradients: SampleGradients, grams: Tensor, roots: Tensor, groups: Tensor) -> tuple[Sum, Sum]:
    """The same without any pair being formed: ‖Σ u‖² counts every pair twice, and every sample with itself once."""
    named = groups >= 0
    _, numbers, sizes = groups[named].unique(return_inverse=True, return_counts=True)
    # Rows of no group go to the first, multiplied by zero.
    whole = torch.zeros_like(groups).masked_scatter(named, numbers)
    roots = roots * named[:, None, None]
    own, everyone = gradients.group_squares(roots, whole, max(1, len(sizes)))
    alone = torch.einsum("mij,mjk,mki->", roots, grams, roots)
    pairs, total = int((sizes * (sizes - 1)).sum()) // 2, int(named.sum())
    others = (total * total - int(sizes.square().sum())) // 2
    return ((own - alone) / 2, pairs), ((everyone - own) / 2, others)


def _told(
    pairs: Tensor | Sequence[Sequence[int]], samples: int, device: torch.device
) -> tuple[Tensor | None, Tensor | None]:
    """Pairs [P, 2], or the group of every row [m], on the device."""
    if isinstance(pairs, list | tuple):
        groups = torch.full((samples,), -1, dtype=torch.int64)
        try:
            rows = [index(row) for members in pairs for row in members]
        except TypeError as error:
            raise ShapeError(
                f"groups must be lists of row numbers, found {type(pairs[0]).__name__} in the list: {error}. Give "
                "[[0, 1], [2, 3]], or the group of each row as a tensor."
            ) from error
        _check_rows(torch.tensor(rows, dtype=torch.int64), samples)
        if len(set(rows)) < len(rows):
            raise ShapeError("a row must be in one group at most, found one in several. Give such pairs as [P, 2].")
        for number, members in enumerate(pairs):
            groups[[index(row) for row in members]] = number
        return None, groups.to(device)
    try:
        told = torch.as_tensor(pairs, device=device)
    except (TypeError, RuntimeError, ValueError) as error:
        raise ShapeError(
            f"pairs must be whole numbers [P, 2], or groups [{samples}], found a {type(pairs).__name__}. Give a tensor."
        ) from error
    is_shaped = told.shape == (samples,) or (told.dim() == 2 and told.shape[1] == 2)
    if told.is_floating_point() or told.dtype == torch.bool or not is_shaped:
        raise ShapeError(
            f"pairs must be whole numbers [P, 2], or groups [{samples}], found {told.dtype} {list(told.shape)}. Give "
            "row numbers within inputs, or the group of each row."
        )
    if told.dim() == 1:
        return None, told.long()
    _check_rows(told, samples)
    if bool((told[:, 0] == told[:, 1]).any()):
        raise ShapeError("a pair must be of two different rows, found a row paired with itself. Leave it out.")
    return told.long(), None


def _check_rows(rows: Tensor, samples: int) -> None:
    if rows.numel() and not 0 <= int(rows.min()) <= int(rows.max()) < samples:
        raise ShapeError(
            f"rows must be from 0 to {samples - 1}, found {int(rows.min())} to {int(rows.max())}. Count within inputs."
        )


def _selecting(outputs: str, labels: Tensor | None, samples: int, device: torch.device) -> Select:
    if outputs not in OUTPUTS:
        raise ShapeError(f"outputs must be one of {', '.join(OUTPUTS)}, found {outputs!r}. Choose one of these.")
    if outputs == "all":
        return lambda found: output_selection("all", found, None)
    if labels is None or torch.as_tensor(labels).shape != (samples,):
        found = "none" if labels is None else list(torch.as_tensor(labels).shape)
        raise ShapeError(f"labels for outputs='mask' must be [{samples}], found {found}. Give one a row of inputs.")
    told = torch.as_tensor(labels)
    if told.is_floating_point() or told.is_complex():
        raise ShapeError(f"labels for outputs='mask' must be whole numbers, found {told.dtype}. Give classes.")
    least, most = int(told.min()), int(told.max())

    def masked(found: Tensor) -> Tensor:
        if found.shape[1] < 2:
            raise ShapeError("outputs='mask' needs two outputs or more, found one. Use outputs='all'.")
        if not 0 <= least <= most < found.shape[1]:
            raise ShapeError(
                f"labels must be from 0 to {found.shape[1] - 1}, found {least} to {most}. Give the number of an output."
            )
        return output_selection("contrast", found, told.to(device))

    return masked


def _names(model: nn.Module, parameters: Callable[[str], bool] | None) -> list[str]:
    keep = parameters or (lambda name: True)
    names = [name for name, value in model.named_parameters() if keep(name) and value.requires_grad]
    if not names:
        raise ShapeError("expected parameters to take gradients of, found none. Choose some that are trained.")
    return names


def _plain_output(model: nn.Module, inputs: Tensor) -> Tensor:
    answers = model(inputs)
    return answers[:, None] if isinstance(answers, Tensor) and answers.dim() == 1 else answers
