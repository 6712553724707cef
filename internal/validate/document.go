package main

import (
	"context"
	"os"
)

// write fits, predicts and writes the document and the record.
func (v *validation) write(ctx context.Context) error {
	r, err := v.results(ctx)
	if err != nil {
		return err
	}
	return v.writeFrom(ctx, r)
}

// writeFrom writes what the results tell.
func (v *validation) writeFrom(ctx context.Context, r *results) error {
	text, err := documentOf(ctx, r)
	if err != nil {
		return err
	}
	// The page last: it names what is on record.
	if err := v.saveRecord(r); err != nil {
		return err
	}
	return os.WriteFile(v.document, text, 0o644)
}

// documentOf is the whole page, in the order in which it is read: the answer, the
// aims, where to be careful; then what it rests on; every arm at the end.
func documentOf(ctx context.Context, r *results) ([]byte, error) {
	d := &page{}
	outcomes := r.outcomes()
	d.answer(r, outcomes)
	d.aims(outcomes)
	d.weakest(r, outcomes)
	d.measured(r)
	d.pullers(r.pullers)
	d.errors(r)
	d.fitted(r)
	if err := d.published(ctx); err != nil {
		return nil, err
	}
	d.repeat()
	d.arms(r)
	return d.out.Bytes(), nil
}
