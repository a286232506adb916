package main

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Colours that can be read on light pages and on dark ones.
var (
	ink   = color.RGBA{R: 0x80, G: 0x86, B: 0x8f, A: 0xff}
	tones = []color.Color{
		color.RGBA{R: 0x3d, G: 0x8b, B: 0xd4, A: 0xff}, color.RGBA{R: 0xd9, G: 0x8a, B: 0x2b, A: 0xff}, color.RGBA{R: 0xc0, G: 0x4f, B: 0x6b, A: 0xff},
	}
)

// bars is a picture of groups of bars: a group a series, a bar a figure.
type bars struct {
	file, measure, title, axis string
	series                     []string
	figures                    []column
	stacked, logarithmic       bool
}

var pictures = []bars{
	{"drain-rate.svg", "drain", "Draining", "events a second", drainSeries, []column{{"", plain, value(rate)}}, false, false},
	{"drain-cpu.svg", "drain", "Draining", "CPU seconds a million events", drainSeries[1:], []column{
		{"program", plain, value(workerCPU)}, {"broker", plain, value(brokerCPU)}, {"Redis", plain, value(redisCPU)},
	}, true, false},
	{"latency.svg", "latency", "Latency at a steady rate", "milliseconds", []string{"ruas", expert, rocksdb, "flink"}, []column{
		{"p50", milliseconds, value("p50_seconds")}, {"p99", milliseconds, value("p99_seconds")}, {"p99.9", milliseconds, value("p999_seconds")},
	}, false, true},
	{"rules.svg", "rules", "Many rules", "CPU µs an event and change", []string{"S10", "S1000", "S10000"}, []column{{"", plain, value(perEventAndChange)}}, false, false},
}

var drainSeries = []string{"ceiling", "ruas", expert, rocksdb, "flink", "naive"}

// plot draws what was measured; it gives the files by measure.
func (r reader) plot(folder string) (map[string][]string, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	files := map[string][]string{}
	for _, p := range pictures {
		err := p.draw(r, filepath.Join(folder, p.file))
		if errors.Is(err, errNoPlot) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("drawing %s: %w", p.file, err)
		}
		files[p.measure] = append(files[p.measure], p.file)
	}
	return files, nil
}

func (b bars) draw(r reader, file string) error {
	var names []string
	heights := make([]plotter.Values, len(b.figures))
	for _, series := range b.series {
		var row []float64
		for _, f := range b.figures {
			if got, ok := r.stat(b.measure, series, f.of); ok {
				row = append(row, got.median/f.unit.scale)
			}
		}
		if len(row) < len(b.figures) {
			continue // it was not measured
		}
		names = append(names, series)
		for i, v := range row {
			heights[i] = append(heights[i], v)
		}
	}
	if len(names) == 0 {
		return errNoPlot
	}
	p := plot.New()
	neutral(p)
	p.Title.Text, p.Y.Label.Text = b.title, b.axis
	width := vg.Points(34)
	if !b.stacked && len(b.figures) > 1 {
		width = vg.Points(20)
	}
	var under *plotter.BarChart
	for i, f := range b.figures {
		chart, err := plotter.NewBarChart(heights[i], width)
		if err != nil {
			return err
		}
		chart.Color, chart.LineStyle.Width = tones[i], 0
		switch {
		case b.stacked && under != nil:
			chart.StackOn(under)
		case !b.stacked:
			chart.Offset = width * vg.Length(2*i-len(b.figures)+1) / 2
		}
		under = chart
		p.Add(chart)
		if f.title != "" {
			p.Legend.Add(f.title, chart)
		}
	}
	p.NominalX(names...)
	p.X.Min, p.X.Max = -0.5, float64(len(names))-0.5
	if b.logarithmic {
		p.Y.Scale, p.Y.Tick.Marker, p.Y.Min = fromOne{}, plot.LogTicks{Prec: -1}, 1
		p.Y.Max = math.Pow(10, math.Ceil(math.Log10(p.Y.Max)))
	} else {
		p.Y.Min = 0
	}
	return p.Save(16*vg.Centimeter, 8*vg.Centimeter, file)
}

// fromOne is a logarithmic scale on which bars, which begin at 0, begin at the axis's least.
type fromOne struct{ plot.LogScale }

// Normalize implements plot.Normalizer.
func (s fromOne) Normalize(least, most, x float64) float64 {
	return s.LogScale.Normalize(least, most, max(x, least))
}

// neutral gives a plot no background, and one colour for lines and text.
func neutral(p *plot.Plot) {
	p.BackgroundColor = color.Transparent
	p.Title.TextStyle.Color, p.Legend.TextStyle.Color, p.Legend.Top = ink, ink, true
	p.Title.Padding, p.Legend.Padding, p.Legend.YOffs = vg.Points(8), vg.Points(4), vg.Points(14)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color, axis.Label.TextStyle.Color, axis.Tick.Color, axis.Tick.Label.Color = ink, ink, ink, ink
	}
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal = draw.LineStyle{Color: ink, Width: vg.Points(0.25)}
	p.Add(grid)
}
