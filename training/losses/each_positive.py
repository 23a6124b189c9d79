"""InfoNCE in which positives don't compete with each other."""

from torch import Tensor
from torch.nn import functional

from training.losses.base import PairLoss, PairLossConfig, Temperature, losses


@losses.register("each_positive")
class EachPositive(PairLoss):
    """Mean over a query's positives of InfoNCE of that positive against the negatives alone.

    For one positive a query this is InfoNCE (arXiv 1807.03748, eq. 4). With many, as a person has
    posts, the softmax of `infonce` can never give each a high probability, since they share it, and
    goes on pulling at people whose posts are all found already. Here they are done.
    """

    def __init__(self, config: PairLossConfig) -> None:
        super().__init__(config)
        self.temperature = Temperature(config)

    def rows(self, scores: Tensor, positives: Tensor, ignored: Tensor) -> Tensor:
        """See `PairLoss.forward`."""
        logits = self.temperature(scores)
        negatives = logits.masked_fill(positives | ignored, -1e9).logsumexp(dim=1, keepdim=True)
        query, candidate = positives.nonzero(as_tuple=True)  # few among all, so only they are read
        each = functional.softplus(negatives[query, 0] - logits[query, candidate])
        sums = each.new_zeros(len(scores)).index_add(0, query, each)
        return sums / positives.sum(dim=1)
