deepspeed --num_gpus 8 run_clm.py --model_name_or_path gpt2 --train_file train.txt --validation_file valid.txt \
 --block_size 512 --max_steps 1000 --per_device_train_batch_size 2 --gradient_accumulation_steps 2 --fp16 --output_dir ./out --report_to none
