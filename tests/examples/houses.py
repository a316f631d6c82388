"""A table and a perceptron that predicts one of its columns: `python houses.py` makes and trains them.

python houses.py
python -m explorer build houses.csv --target price --standardize --model houses.py:network \
        --weights houses.safetensors --study studies/houses
"""

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch import nn


def network(features):
    """[m, features] -> [m, 1]; the explorer says how many features the columns make."""
    return nn.Sequential(nn.Linear(features, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))


def make_table(count, random):
    """Area, age, district and price of made-up houses, the price in units of 100,000."""
    area, age = random.uniform(40, 200, count), random.integers(0, 80, count)
    district = random.choice(["center", "north", "south"], count)
    extra = pd.Series(district).map({"center": 1.5, "north": 0.0, "south": 0.4}).to_numpy()
    price = area / 50 - age / 100 + extra + random.normal(0, 0.2, count)
    return pd.DataFrame({"area": area.round(1), "age": age, "district": district, "price": price.round(3)})


def features_of(table):
    """Numbers with mean 0 and deviation 1, words as a column each in sorted order: as the explorer codes them."""
    numbers = table[["area", "age"]]
    numbers = (numbers - numbers.mean()) / numbers.std(ddof=0)
    return torch.tensor(pd.concat([numbers, pd.get_dummies(table["district"])], axis=1).to_numpy(dtype=np.float32))


if __name__ == "__main__":
    torch.manual_seed(0)
    houses = make_table(400, np.random.default_rng(0))
    houses.to_csv("houses.csv", index=False)
    inputs, prices = features_of(houses), torch.tensor(houses[["price"]].to_numpy(dtype=np.float32))
    model = network(inputs.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(inputs), prices).backward()
        optimizer.step()
    save_file(model.state_dict(), "houses.safetensors")
