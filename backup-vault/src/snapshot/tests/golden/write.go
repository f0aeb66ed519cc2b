// Writes the golden files beside it, with the encoders that Vault uses (`go run write.go`); the layout is that of hashicorp/raft-snapshot.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"time"
)

func entry(key, value string) []byte {
	var e []byte
	e = append(e, 0x0a)
	e = binary.AppendUvarint(e, uint64(len(key)))
	e = append(e, key...)
	e = append(e, 0x12)
	e = binary.AppendUvarint(e, uint64(len(value)))
	e = append(e, value...)
	return append(binary.AppendUvarint(nil, uint64(len(e))), e...)
}

func write(out string, level int, size int64) {
	var state []byte
	state = append(state, entry("core/keyring", "ciphertext")...)
	state = append(state, entry("core/seal-config", `{"type":"shamir","secret_shares":5,"secret_threshold":3,"pgp_keys":null,"nonce":"","backup":false,"stored_shares":1,"name":"shamir"}`)...)
	for i := 0; i < 200; i++ {
		state = append(state, entry(fmt.Sprintf("logical/5f1b/%04d", i), fmt.Sprintf("value %d", i*i))...)
	}
	stateSize := int64(len(state))
	if size > 0 {
		stateSize = size
	}
	meta := []byte(fmt.Sprintf(`{"Version":1,"ID":"bolt-snapshot","Index":205,"Term":3,"Peers":"kaxub2RlMQ==","Configuration":{"Servers":[{"Suffrage":0,"ID":"node1","Address":"127.0.0.1:8201"}]},"ConfigurationIndex":1,"Size":%d}`+"\n", stateSize))
	sums := fmt.Sprintf("%x  state.bin\n%x  meta.json\n", sha256.Sum256(state), sha256.Sum256(meta))
	var file bytes.Buffer
	zip, err := gzip.NewWriterLevel(&file, level)
	if err != nil {
		panic(err)
	}
	now := time.Unix(1763856000, 0)
	archive := tar.NewWriter(zip)
	for _, f := range []struct {
		name string
		data []byte
	}{{"meta.json", meta}, {"state.bin", state}, {"SHA256SUMS", []byte(sums)}, {"SHA256SUMS.sealed", []byte("sealed by nobody")}} {
		n := int64(len(f.data))
		if f.name == "state.bin" {
			n = stateSize
		}
		if err := archive.WriteHeader(&tar.Header{Name: f.name, Mode: 0600, Size: n, ModTime: now}); err != nil {
			panic(err)
		}
		if size > 0 && f.name == "state.bin" {
			zip.Close()
			os.WriteFile(out, file.Bytes(), 0644)
			return
		}
		archive.Write(f.data)
	}
	archive.Close()
	zip.Close()
	os.WriteFile(out, file.Bytes(), 0644)
}

func main() {
	write("go-deflated.snap", gzip.DefaultCompression, 0)
	write("go-stored.snap", gzip.NoCompression, 0)
	write("go-9GiB-headers.snap", gzip.DefaultCompression, 9<<30)
}
