// What Go's net/mail sees: a line a field of interest, `message name value address address ...`, each in base64.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"net/mail"
	"os"
	"strings"
)

var wanted = map[string]bool{"from": true, "sender": true, "resent-from": true, "resent-sender": true, "bcc": true, "resent-bcc": true}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	lines := bufio.NewReader(file)
	for number := 0; ; number++ {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		octets, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		if err != nil {
			panic(err)
		}
		message, err := mail.ReadMessage(bytes.NewReader(octets))
		if err != nil {
			fmt.Fprintln(out, number, b64("unreadable"), b64(err.Error()))
			continue
		}
		for name, values := range message.Header {
			if !wanted[strings.ToLower(strings.TrimSpace(name))] {
				continue
			}
			for _, value := range values {
				fmt.Fprint(out, number, " ", b64(name), " ", b64(value))
				if list, err := mail.ParseAddressList(value); err == nil {
					for _, address := range list {
						fmt.Fprint(out, " ", b64(address.Address))
					}
				}
				fmt.Fprintln(out)
			}
		}
	}
}
