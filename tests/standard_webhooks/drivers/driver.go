// Asks the guide's Go, which is built together with this file, whether deliveries are genuine.
//
// Reads lines of secret, id, timestamp, signatures and body (base64), separated by tabs; an empty
// header is left out. Prints true or false for each.
package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"strings"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		fields := strings.Split(line, "\t")
		header := http.Header{}
		for place, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
			if value := fields[place+1]; value != "" {
				header.Set(name, value)
			}
		}
		body, err := base64.StdEncoding.DecodeString(fields[4])
		if err != nil {
			panic(err)
		}
		fmt.Println(IsGenuine(fields[0], header, body))
	}
}
