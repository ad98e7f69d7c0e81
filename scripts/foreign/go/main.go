// Judges bundles with the checksum database's own packages, copied from the Go toolchain: sumdb/note for the signature on
// a checkpoint, sumdb/tlog for inclusion and consistency. Reads jobs as JSON, one per line, and answers one line for each:
// "ok", or why not.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"foreign/note"
	"foreign/tlog"
)

type job struct {
	Note        string   `json:"note"`
	Keys        []string `json:"keys"`
	Records     []record `json:"records"`
	Previous    string   `json:"previous"`
	Consistency [][]byte `json:"consistency"`
}

type record struct {
	Index int64    `json:"index"`
	Data  []byte   `json:"data"`
	Path  [][]byte `json:"path"`
}

func hashes(path [][]byte) (out []tlog.Hash, err error) {
	for _, bytes := range path {
		var hash tlog.Hash
		if len(bytes) != len(hash) {
			return nil, fmt.Errorf("a hash has %d bytes", len(bytes))
		}
		copy(hash[:], bytes)
		out = append(out, hash)
	}
	return out, nil
}

// head checks the signature on a checkpoint and reads it. tlog's own reader wants the checksum database's first line.
func head(text string, keys []string) (tlog.Tree, error) {
	var verifiers []note.Verifier
	for _, key := range keys {
		verifier, err := note.NewVerifier(key)
		if err != nil {
			return tlog.Tree{}, err
		}
		verifiers = append(verifiers, verifier)
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifiers...))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := opened.Text[len(opened.Sigs[0].Name):]
	return tlog.ParseTree([]byte("go.sum database tree" + lines))
}

func judge(it job) error {
	tree, err := head(it.Note, it.Keys)
	if err != nil {
		return err
	}
	for _, record := range it.Records {
		path, err := hashes(record.Path)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(path, tree.N, tree.Hash, record.Index, tlog.RecordHash(record.Data)); err != nil {
			return fmt.Errorf("leaf %d: %w", record.Index, err)
		}
	}
	if it.Previous == "" {
		return nil
	}
	old, err := head(it.Previous, it.Keys)
	if err != nil {
		return err
	}
	path, err := hashes(it.Consistency)
	if err != nil {
		return err
	}
	return tlog.CheckTree(path, tree.N, tree.Hash, old.N, old.Hash)
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	decoder := json.NewDecoder(lines)
	for decoder.More() {
		var it job
		if err := decoder.Decode(&it); err != nil {
			panic(err)
		}
		if err := judge(it); err != nil {
			fmt.Printf("%q\n", err.Error())
		} else {
			fmt.Println(`"ok"`)
		}
	}
}
