// go run dial.go PORT COUNT: dials a port of 127.0.0.1 until it is connected, or COUNT times in vain.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	seen := map[string]int{}
	for i := 0; i < count; i++ {
		c, err := net.DialTimeout("tcp", "127.0.0.1:"+os.Args[1], time.Second)
		if err != nil {
			seen["refused"]++
			continue
		}
		seen["connected"]++
		c.Close()
	}
	fmt.Println(seen)
}
