package main

import (
	"fmt"

	fluxstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	helm "github.com/fluxcd/helm-controller/api/v2"
	kustomize "github.com/fluxcd/kustomize-controller/api/v1"
	source "github.com/fluxcd/source-controller/api/v1"
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/json"
)

// kstatus gives what kstatus computes of an object. Flux has a fork of it, which must say the same.
func kstatus(asked question) (any, error) {
	var object unstructured.Unstructured
	if err := object.UnmarshalJSON(asked.Object); err != nil {
		return nil, err
	}
	result, err := status.Compute(&object)
	if err != nil {
		return nil, err
	}
	fork, err := fluxstatus.Compute(&object)
	if err != nil {
		return nil, err
	}
	if string(result.Status) != string(fork.Status) {
		return nil, fmt.Errorf("kstatus says %s, that of Flux %s", result.Status, fork.Status)
	}
	return result.Status, nil
}

// expressions are those of an entry of healthCheckExprs.
type expressions struct {
	InProgress string `json:"inProgress"`
	Failed     string `json:"failed"`
	Current    string `json:"current"`
}

// fluxHealth gives the status that Flux computes by the expressions of a health check. A status of another generation is
// InProgress before any of them is asked; then the first that holds decides, in this order, and InProgress if none does.
func fluxHealth(asked question) (any, error) {
	var object unstructured.Unstructured
	if err := object.UnmarshalJSON(asked.Object); err != nil {
		return nil, err
	}
	observed, found, err := unstructured.NestedInt64(object.Object, "status", "observedGeneration")
	if err == nil && found && observed != object.GetGeneration() {
		return status.InProgressStatus, nil
	}
	for _, check := range []struct {
		expression string
		status     status.Status
	}{
		{asked.Expressions.InProgress, status.InProgressStatus},
		{asked.Expressions.Failed, status.FailedStatus},
		{asked.Expressions.Current, status.CurrentStatus},
	} {
		if check.expression == "" {
			continue
		}
		holds, err := evaluate(check.expression, object.Object)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", check.expression, err)
		}
		if holds {
			return check.status, nil
		}
	}
	return status.InProgressStatus, nil
}

// evaluate runs an expression with the object's fields as variables, as Flux does: parsed, not type-checked, since it
// does not know what fields there are.
func evaluate(expression string, object map[string]any) (bool, error) {
	environment, err := cel.NewEnv(
		cel.HomogeneousAggregateLiterals(),
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.OptionalTypes(),
		ext.Strings(),
		ext.Sets(),
		ext.Encoders(),
	)
	if err != nil {
		return false, err
	}
	tree, issues := environment.Parse(expression)
	if issues.Err() != nil {
		return false, issues.Err()
	}
	program, err := environment.Program(tree)
	if err != nil {
		return false, err
	}
	value, _, err := program.Eval(object)
	if err != nil {
		return false, err
	}
	holds, ok := value.Value().(bool)
	if !ok {
		return false, fmt.Errorf("gives a %s, not a bool", value.Type())
	}
	return holds, nil
}

// fluxKind reads a manifest of Flux into Flux's own type, and fails at fields that this does not have.
func fluxKind(asked question) (any, error) {
	var manifest unstructured.Unstructured
	if err := manifest.UnmarshalJSON(asked.Object); err != nil {
		return nil, err
	}
	name := manifest.GetAPIVersion() + " " + manifest.GetKind()
	types := map[string]any{
		kustomize.GroupVersion.String() + " " + kustomize.KustomizationKind: &kustomize.Kustomization{},
		helm.GroupVersion.String() + " " + helm.HelmReleaseKind:             &helm.HelmRelease{},
		source.GroupVersion.String() + " " + source.GitRepositoryKind:       &source.GitRepository{},
		source.GroupVersion.String() + " " + source.OCIRepositoryKind:       &source.OCIRepository{},
	}
	into, ok := types[name]
	if !ok {
		return nil, fmt.Errorf("%s is no kind that is known here", name)
	}
	wrong, err := json.UnmarshalStrict(asked.Object, into)
	if err != nil {
		return nil, err
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("%s: %v", name, wrong)
	}
	return manifest.GetKind(), nil
}
