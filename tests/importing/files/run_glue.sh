torchrun --nproc_per_node 4 run_glue.py --model_name_or_path bert-base-cased --task_name mrpc \
  --do_train --max_seq_length 128 --per_device_train_batch_size 8 --learning_rate 2e-5 --num_train_epochs 3 --bf16 --output_dir out
