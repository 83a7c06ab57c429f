"""LeNet-5 with ReLU and batch normalization: a network of one's own that mlpctl trains.

mlpctl sweep --dataset fashion-mnist --model examples/lenet.py:LeNet --axis model.channels=4,8,16 \
    --optimizer adam --lr 0.001 --epochs 3 --name lenet
mlpctl sweep --dataset fashion-mnist --axis model=mlp,examples/lenet.py:LeNet --optimizer adam --lr 0.001 --epochs 3
"""

from torch import Tensor, nn


class LeNet(nn.Module):
    """Two convolutions and two dense layers, for images whose sides 4 divides."""

    def __init__(self, inputs: tuple[int, ...], outputs: int, channels: int = 6, dropout: float = 0.0) -> None:
        """Make the layers for examples of shape `inputs` = (1, height, width)."""
        super().__init__()
        _, height, width = inputs
        self.features = nn.Sequential(
            nn.Conv2d(1, channels, kernel_size=5, padding=2),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, kernel_size=5, padding=2),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(2 * channels * (height // 4) * (width // 4), 84),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(84, outputs),
        )

    def forward(self, X: Tensor) -> Tensor:
        """Return the scores (B, outputs) of images (B, 1, height, width)."""
        return self.classifier(self.features(X))
