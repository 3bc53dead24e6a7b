# SQuAD on one machine
export OUT=out/squad
python -m torch.distributed.run --nproc_per_node=4 run_qa.py --model_name_or_path bert-base-uncased --dataset_name squad \
  --do_train --do_eval --per_device_train_batch_size 12 --learning_rate 3e-5 --num_train_epochs 2 --max_seq_length 384 \
  --doc_stride 128 --version_2_with_negative false --pad_to_max_length false --output_dir $OUT --overwrite_output_dir
