# Every target sets up what it needs; `make` alone says what there is.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
SCALE ?= quick

.DEFAULT_GOAL := help

help: ## print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

setup: $(STAMP) ## make .venv with the tested versions (done by the other targets)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python tools/set_up.py
	@touch $@

demo: setup ## deep against shallow on sinc and on real MNIST, figures at the end (minutes)
	$(BIN)/python train.py -m study=demo_sinc data=sinc model=deep,shallow 'seed=0,1,2' \
		trainer.max_epochs=400
	$(BIN)/python train.py -m study=demo_mnist data=mnist model=deep,shallow 'seed=0,1,2' \
		data.samples=10000 trainer.max_epochs=4
	$(BIN)/python analyze.py 'experiment=[demo_sinc,demo_mnist]'

hw1-1: setup ## the homework's section 1-1, deep against shallow (SCALE=smoke|quick|full)
	$(BIN)/python train.py experiment=hw1_1_simulate scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_1_mnist scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_1_cifar10 scale=$(SCALE)
	$(BIN)/python analyze.py experiment=1-1

hw1-2: setup ## section 1-2, optimization: trajectories, gradient norms, minimal ratio, error surface
	$(BIN)/python train.py experiment=hw1_2_trajectory scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_2_error_surface scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_2_gradient_norm scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_2_gradient_norm_mnist scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_2_minimal_ratio scale=$(SCALE)
	$(BIN)/python analyze.py experiment=1-2

hw1-3: setup ## section 1-3, generalization: random labels, capacity, interpolation, sensitivity, sharpness
	$(BIN)/python train.py experiment=hw1_3_random_labels scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_3_random_labels_capacity scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_3_random_labels_cnn scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_3_parameters scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_3_parameters_cnn scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_3_parameters_cifar10 scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_3_parameters_samples scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_3_double_descent scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_3_interpolation scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_3_interpolation_sgd scale=$(SCALE)
	$(BIN)/python train.py experiment=hw1_3_sensitivity scale=$(SCALE) # hw1_3_sharpness shares its runs
	$(BIN)/python analyze.py experiment=1-3

basics: setup ## parameter counts, activations, batch size, learning rate, regularization
	$(BIN)/python analyze.py experiment=basics_parameter_count
	$(BIN)/python train.py experiment=basics_activations scale=$(SCALE)
	$(BIN)/python train.py experiment=basics_activations_mnist scale=$(SCALE)
	$(BIN)/python train.py experiment=basics_batch_size scale=$(SCALE)
	$(BIN)/python train.py experiment=basics_learning_rate scale=$(SCALE)
	$(BIN)/python train.py experiment=basics_regularization scale=$(SCALE)
	$(BIN)/python train.py experiment=basics_regularization_adamw scale=$(SCALE)
	$(BIN)/python analyze.py experiment=basics

all: basics hw1-1 hw1-2 hw1-3 ## the whole homework, and one report of it
	$(BIN)/python analyze.py

test: setup ## all tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

test-faults: setup ## long: workers killed, commands raced and stopped
	$(BIN)/python -m pytest --numprocesses 2 tests/faults

lint: setup ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

reference: setup ## write docs/keys.md and conf/keys.json, which follow from the schema
	$(BIN)/python -m dl_experiments.reference > docs/keys.md
	$(BIN)/python -m dl_experiments.reference --json > conf/keys.json

bench: setup ## the speed table, each row against a baseline in the same run
	$(BIN)/python -m benchmarks

tensorboard: setup ## show the runs live at http://localhost:6006
	$(BIN)/tensorboard --logdir outputs

.PHONY: help setup demo hw1-1 hw1-2 hw1-3 basics all test test-faults lint reference bench tensorboard
