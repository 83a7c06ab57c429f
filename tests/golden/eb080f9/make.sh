#!/bin/sh
# Make the results folders anew: sh make.sh, in an empty folder with a copy of *.toml and *.csv, with mlpctl eb080f9.
set -x
mlpctl="${PYTHON:-python} -m mlpctl"
export MLPCTL_OFFLINE=1

# Full grid, seeds, weights.
$mlpctl sweep --dataset iris --axis hidden_units=4,8 --axis lr=0.002,0.3 --seeds 4 --epochs 12 --save --engine kernel \
    --name grid -q
# A second grid that differs in one fixed setting, on the other engine.
$mlpctl sweep --dataset iris --axis hidden_units=4,8 --axis lr=0.002,0.3 --seeds 4 --epochs 12 --dropout 0.4 \
    --engine reference --name dropout -q
# Successive halving: lower rungs are rows of their own, the states of unfinished trials are kept.
$mlpctl sweep --dataset iris --axis lr=log:0.01:1 --axis hidden_units=int:2:8 --search halving --trials 9 --epochs 9 \
    --save --engine kernel --name halving -q
# Diverged and invalid trials; a timeout.
$mlpctl sweep --dataset linreg --model mlp --hidden-units 3 --axis lr=0.01,1e9 --axis hidden_layers=1,2 \
    --batch-norm 2 --seeds 2 --epochs 2 --engine kernel --keep-going --name failures -q
$mlpctl sweep --dataset iris --hidden-units 4 --axis lr=0.1,0.2 --epochs 2000 --timeout 0.01 --engine reference \
    --name timeout -q
# Regression and text.
$mlpctl sweep --dataset linreg --axis lr=0.003,0.03,0.1 --seeds 2 --save --engine reference --name linreg -q
$mlpctl sweep --dataset langid --axis epochs=5,20 --select-on train --save --engine reference --name langid -q
# Scores of all parts after each epoch, a moving learning rate, chosen on the test set, axes that move together.
$mlpctl sweep --dataset gates --data gate=xor --model mlp --hidden-units 4 --axis lr=0.1,0.5 --axis lr_gamma=0.5,0.9 --zip lr,lr_gamma \
    --lr-schedule step --lr-step 2 --epochs 6 --seeds 0,7 --eval-test --eval-train --select-on test --engine kernel \
    --name curves -q
# Random search from a file, an axis that some configurations have only.
$mlpctl sweep random.toml --engine kernel -q
# Trials trained in a group, on the CPU.
$mlpctl sweep --dataset iris --hidden-units 4 --axis lr=0.03,0.3 --epochs 3 --batch-norm all --engine lanes --device cpu \
    --name lanes -q
# Trained on from weights of the grid; and the plain train.
$mlpctl train --dataset iris --hidden-units 4 --lr 0.05 --epochs 3 --init-from results/grid --save \
    --engine kernel --name tuned -q
$mlpctl train --dataset iris --hidden-units 4 --lr 0.1 --optimizer adam --epochs 4 --eval-test --engine reference --name plain -q
# Two shards of one sweep.
for part in 1 2; do
    $mlpctl sweep --dataset iris --hidden-units 4 --axis lr=0.03,0.1,0.3 --epochs 3 --shard $part/2 --engine kernel \
        --name shard -q
done
# A folder whose writer was killed: the last rows are torn, one row is damaged.
cp -r results/shard-1-of-2 results/torn
printf '1,0123456789abcdef,0123456789abcdef,o' >>results/torn/trials.csv
awk -F, -v OFS=, 'NR == 3 { $3 = "many" } 1' results/shard-1-of-2/epochs.csv >results/torn/epochs.csv
# A search that its budget ended: the states of trials that may go on are there.
$mlpctl sweep --dataset iris --axis lr=log:0.01:1 --axis hidden_units=int:2:8 --search halving --trials 9 --epochs 9 \
    --engine reference --budget 12e --name stopped -q
find results -name .lock -delete
