import torch

from training.model.whitening import Whitening, WhiteningConfig


def test_directions_become_alike_and_centred():
    torch.manual_seed(0)
    features = torch.randn(500, 8) * torch.tensor([9.0, 5, 3, 2, 1, 1, 0.5, 0.5]) + 4
    whitening = Whitening(8, WhiteningConfig(components=6))
    whitening.fit(features)
    white = whitening(features)
    assert white.shape == (500, 6)
    assert white.mean(dim=0).abs().max() < 1e-4
    spread = white.std(dim=0)
    assert spread.max() / spread.min() < 3
    correlation = torch.corrcoef(white.T) - torch.eye(6)
    assert correlation.abs().max() < 0.05


def test_the_mean_of_whitened_posts_is_the_whitened_mean():
    torch.manual_seed(0)
    features = torch.nn.functional.normalize(torch.randn(50, 8), dim=1)
    whitening = Whitening(8, WhiteningConfig(components=4))
    whitening.fit(features)
    together = (features.mean(dim=0) - whitening.mean) @ whitening.basis
    torch.testing.assert_close(whitening(features).mean(dim=0), together)


def test_without_rows_everything_is_kept():
    whitening = Whitening(4, WhiteningConfig(components=4))
    whitening.fit(torch.zeros(0, 4))
    features = torch.eye(4)
    torch.testing.assert_close(whitening(features), features)
