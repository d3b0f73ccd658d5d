"""Makes tests/golden/torch and seeds of tests/fuzz/corpus/torch with torch.save.

Usage: python tests/oracle/golden_torch.py. Each NAME.pt has its tensors in NAME.safetensors, as
torch sees them. zip-N and stream-N: the same tensors in protocol N, in both formats.
"""
import collections
import os
import zipfile

import torch
from safetensors.torch import save_file

GOLDEN = "tests/golden/torch"
SEEDS = "tests/fuzz/corpus/torch"
TYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32,
         torch.int16, torch.int8, torch.uint8, torch.bool]
NEW_TYPES = [torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2]


def save(name, value, state, zipped, protocol=2):
    path = f"{GOLDEN}/{name}.pt"
    torch.save(value, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    plain = {k: torch.empty(v.shape, dtype=v.dtype).copy_(v.detach()) for k, v in state.items()
             if isinstance(v, torch.Tensor)}
    save_file(plain, f"{GOLDEN}/{name}.safetensors")


def mixed():
    x = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 7
    state = collections.OrderedDict()
    state["whole"] = x
    state["turned"] = x.transpose(0, 2)
    state["part"] = x[1, :, 1:3]
    state["same"] = x
    state["wide"] = x[0, 0, :1].expand(3, 1)
    state["parameter"] = torch.nn.Parameter(torch.arange(5.).half()[1:4])
    state["empty"] = torch.zeros(2, 0, 3)
    state["single"] = torch.tensor(2.5, dtype=torch.bfloat16)
    state["epoch"] = 3
    return state


def seed(name):
    with open(f"{GOLDEN}/{name}.pt", "rb") as f, open(f"{SEEDS}/{name}", "wb") as out:
        out.write(f.read())


def main():
    os.makedirs(GOLDEN, exist_ok=True)
    os.makedirs(SEEDS, exist_ok=True)
    for protocol in range(2, 6):
        for zipped in True, False:
            state = mixed()
            save(f"{'zip' if zipped else 'stream'}-{protocol}", state, state, zipped, protocol)
    types = {str(t)[6:]: (torch.arange(6) % 2).to(t).reshape(2, 3) for t in TYPES}
    save("types", types, types, True)
    new = {str(t)[6:]: (torch.arange(6) % 2).to(t).reshape(2, 3) for t in NEW_TYPES}
    save("new-types", new, new, True)
    state = torch.nn.BatchNorm1d(3).state_dict()
    whole = {"state_dict": state, "epoch": 3, "best": torch.tensor(0.5), "lr": [1e-3, None, "x"],
             "dtype": torch.float16, "size": torch.Size([2, 3])}
    save("training", whole, state, True)
    for name in "zip-2", "zip-5", "stream-2", "stream-4", "new-types", "training":
        seed(name)
    for name in "zip-2", "zip-5":
        with zipfile.ZipFile(f"{GOLDEN}/{name}.pt") as z, open(f"{SEEDS}/pickle{name[3:]}", "wb") as out:
            out.write(z.read(f"{name}/data.pkl"))
    small = {"a": torch.arange(3.)}
    torch.save(small, f"{SEEDS}/small-zip")
    torch.save(small, f"{SEEDS}/small-stream", _use_new_zipfile_serialization=False)
    torch.save(small, f"{SEEDS}/small-stream-1", pickle_protocol=1,
               _use_new_zipfile_serialization=False)


main()
