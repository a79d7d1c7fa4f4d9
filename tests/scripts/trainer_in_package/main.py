"""The training loop is not in the script: a trainer in a package has it, two calls deep."""

import torch
from mini.model import Net
from mini.trainer import Trainer


def main():
    torch.manual_seed(2)
    data = [(torch.randn(8, 4), torch.randn(8, 1)) for _ in range(4)]
    model = Net(6)
    model.eval()
    trainer = Trainer(model, data)
    losses = trainer.fit(2)
    print(*(loss.hex() for loss in losses))
    print([float(w).hex() for p in model.parameters() for w in p.detach().flatten()])


if __name__ == "__main__":
    main()
