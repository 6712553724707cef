package reports

func page(r *Report) ([]byte, error) { return nil, nil }
