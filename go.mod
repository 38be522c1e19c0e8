module auwai

go 1.26
