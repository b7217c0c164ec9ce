package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
	luajson "layeh.com/gopher-json"
)

// scriptTimeout is how long Argo CD lets a script run.
const scriptTimeout = time.Second

// healthStatus is what a health script gives.
type healthStatus struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// argoHealth gives the health that Argo CD shows of an object. One that is being deleted is Progressing to it, whatever
// a script says.
func argoHealth(asked question) (any, error) {
	var object struct {
		Metadata struct {
			DeletionTimestamp string `json:"deletionTimestamp"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(asked.Object, &object); err != nil {
		return nil, err
	}
	if object.Metadata.DeletionTimestamp != "" {
		return healthStatus{"Progressing", "Pending deletion"}, nil
	}
	table, err := argoTable(asked)
	if err != nil {
		return nil, err
	}
	var health healthStatus
	if err := json.Unmarshal(table.(json.RawMessage), &health); err != nil {
		return nil, fmt.Errorf("not a health: %s", table)
	}
	switch health.Status {
	case "Healthy", "Progressing", "Degraded", "Suspended":
		return health, nil
	}
	return nil, fmt.Errorf("%q is no health that Argo CD knows", health.Status)
}

// argoTable runs a script as Argo CD does one from argocd-cm: with the object in the global obj, the base, package and
// table libraries, of os the clock alone, and no string library. The script must give a table. As in Argo CD, an empty
// table comes out as an empty list.
func argoTable(asked question) (any, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage,
		lua.BaseLibName: lua.OpenBase,
		lua.TabLibName:  lua.OpenTable,
		lua.OsLibName:   openClock,
	} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	state.PreloadModule(lua.OsLibName, openClock)

	limit, cancel := context.WithTimeout(context.Background(), scriptTimeout)
	defer cancel()
	state.SetContext(limit)

	object, err := luajson.Decode(state, asked.Object)
	if err != nil {
		return nil, err
	}
	state.SetGlobal("obj", object)
	if err := state.DoString(asked.Script); err != nil {
		return nil, err
	}
	given := state.Get(-1)
	if given.Type() != lua.LTTable {
		return nil, fmt.Errorf("the script gives a %s, not a table", given.Type())
	}
	text, err := luajson.Encode(given)
	return json.RawMessage(text), err
}

// argoAction gives what an action makes of an object. Lua does not tell an empty object from an empty list; like Argo CD,
// it is put right by the object that was there.
func argoAction(asked question) (any, error) {
	text, err := argoTable(asked)
	if err != nil {
		return nil, err
	}
	var made, had any
	if err := json.Unmarshal(text.(json.RawMessage), &made); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(asked.Object, &had); err != nil {
		return nil, err
	}
	return mend(made, had), nil
}

func mend(made, had any) any {
	switch made := made.(type) {
	case map[string]any:
		if had, ok := had.(map[string]any); ok {
			for key, value := range made {
				made[key] = mend(value, had[key])
			}
		}
	case []any:
		switch had := had.(type) {
		case map[string]any:
			if len(made) == 0 {
				return map[string]any{}
			}
		case []any:
			for i := range min(len(made), len(had)) {
				made[i] = mend(made[i], had[i])
			}
		}
	}
	return made
}

// openClock gives what Argo CD leaves of the os library.
func openClock(state *lua.LState) int {
	lua.OpenOs(state)
	whole := state.CheckTable(-1)
	clock := state.NewTable()
	for _, name := range []string{"time", "date"} {
		clock.RawSetString(name, whole.RawGetString(name))
	}
	state.SetGlobal(lua.OsLibName, clock)
	state.Push(clock)
	return 1
}
