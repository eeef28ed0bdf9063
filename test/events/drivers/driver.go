package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"

	"driver/hook"
)

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var one struct {
			Headers map[string]string
			Body    []byte
			Secret  string
			Now     *int64
		}
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			panic(err)
		}
		header := http.Header{}
		for name, value := range one.Headers {
			header.Set(name, value)
		}
		now := time.Now()
		if one.Now != nil {
			now = time.Unix(*one.Now, 0)
		}
		isSigned, err := hook.IsSigned(header, one.Body, one.Secret, now)
		if err != nil {
			fmt.Println("error")
		} else {
			fmt.Println(isSigned)
		}
	}
	if err := lines.Err(); err != nil {
		panic(err)
	}
}
