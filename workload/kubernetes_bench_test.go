package workload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// podList makes a list of n pods as kubectl prints it, of the pods in
// testdata/pods.json under other names.
func podList(tb testing.TB, n int) []byte {
	data, err := os.ReadFile("testdata/pods.json")
	if err != nil {
		tb.Fatal(err)
	}
	var list struct{ Items []map[string]any }
	if err := json.Unmarshal(data, &list); err != nil {
		tb.Fatal(err)
	}
	// What makes up most of a real pod's text.
	var fields any
	if err := json.Unmarshal([]byte(`[{"apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{".":{},"f:app":{}},"f:ownerReferences":{".":{},"k:{\"uid\":\"a\"}":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"a\"}":{".":{},"f:image":{},"f:imagePullPolicy":{},"f:name":{},"f:resources":{},"f:terminationMessagePath":{},"f:terminationMessagePolicy":{}}},"f:dnsPolicy":{},"f:enableServiceLinks":{},"f:restartPolicy":{},"f:schedulerName":{},"f:securityContext":{}}},"manager":"kube-controller-manager","operation":"Update"}]`), &fields); err != nil {
		tb.Fatal(err)
	}
	var text bytes.Buffer
	text.WriteString("{\n    \"apiVersion\": \"v1\",\n    \"items\": [\n")
	for i := range n {
		item := list.Items[i%len(list.Items)]
		meta := item["metadata"].(map[string]any)
		meta["name"], meta["uid"], meta["managedFields"] = fmt.Sprintf("pod-%d", i), fmt.Sprint(i), fields
		one, err := json.MarshalIndent(item, "        ", "    ")
		if err != nil {
			tb.Fatal(err)
		}
		if i > 0 {
			text.WriteString(",\n")
		}
		text.WriteString("        ")
		text.Write(one)
	}
	text.WriteString("\n    ],\n    \"kind\": \"List\"\n}\n")
	return text.Bytes()
}

func BenchmarkFromKubernetes(b *testing.B) {
	for _, n := range []int{10, 10_000} {
		data := podList(b, n)
		b.Run(fmt.Sprintf("pods=%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := FromKubernetes("pods.json", bytes.NewReader(data)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkImagesOf(b *testing.B) {
	data := podList(b, 10_000)
	b.Run("pods=10000", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := ImagesOf("pods.json", bytes.NewReader(data)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkFromKubernetesYAML(b *testing.B) {
	var data bytes.Buffer
	for i := range 1000 {
		fmt.Fprintf(&data, "---%s", strings.Replace(workloadManifest("apps/v1", "Deployment", "replicas: 3"), "name: a,", fmt.Sprintf("name: a%d,", i), 1))
	}
	b.Run("deployments=1000", func(b *testing.B) {
		b.SetBytes(int64(data.Len()))
		b.ReportAllocs()
		for b.Loop() {
			if _, err := FromKubernetes("a.yaml", bytes.NewReader(data.Bytes())); err != nil {
				b.Fatal(err)
			}
		}
	})
}
