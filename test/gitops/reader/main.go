// Reads objects as GitOps tools do: Argo CD by Lua scripts, Flux by kstatus or CEL. Takes a JSON list of questions on
// its standard input and gives the list of the answers.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// question is what is asked of one object.
type question struct {
	// Do is the way to read, a key of readers.
	Do string `json:"do"`
	// Script is the Lua script for argo-health, argo-discovery and argo-action.
	Script string `json:"script"`
	// Expressions are those of a health check of Flux, for flux-health.
	Expressions expressions `json:"expressions"`
	// Object is the Kubernetes object.
	Object json.RawMessage `json:"object"`
}

// answer holds what was read, or why it could not be.
type answer struct {
	Value any    `json:"value,omitempty"`
	Error string `json:"error,omitempty"`
}

var readers = map[string]func(question) (any, error){
	"argo-health":    argoHealth,
	"argo-discovery": argoTable,
	"argo-action":    argoAction,
	"kstatus":        kstatus,
	"flux-health":    fluxHealth,
	"flux-kind":      fluxKind,
}

// maxInput is far above what tests send; an object is at most 1.5 MB.
const maxInput = 256 << 20

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "gitops-reader:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	var questions []question
	if err := json.NewDecoder(io.LimitReader(in, maxInput)).Decode(&questions); err != nil {
		return fmt.Errorf("the questions are not the JSON that is expected: %w", err)
	}
	answers := make([]answer, len(questions))
	for i, asked := range questions {
		read, ok := readers[asked.Do]
		if !ok {
			return fmt.Errorf("question %d: there is no way to read called %q", i, asked.Do)
		}
		value, err := read(asked)
		if err != nil {
			answers[i] = answer{Error: err.Error()}
		} else {
			answers[i] = answer{Value: value}
		}
	}
	return json.NewEncoder(out).Encode(answers)
}
