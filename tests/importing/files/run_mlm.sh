accelerate launch --num_processes 2 --mixed_precision bf16 run_mlm.py \
  --config_name roberta-base --tokenizer_name roberta-base --config_overrides "num_hidden_layers=6,hidden_size=384" \
  --dataset_name wikitext --dataset_config_name wikitext-103-raw-v1 --max_seq_length 512 --mlm_probability 0.2 \
  --per_device_train_batch_size 32 --max_steps 20000 --learning_rate 6e-4 --warmup_steps 2000 --adam_beta2 0.98 \
  --fsdp "full_shard auto_wrap" --output_dir out/mlm
