// One neuron under three sliders: its output for every pair of inputs.
const place = document.getElementById("neuron");
const sliders = [...place.querySelectorAll("input")];
const canvas = place.querySelector("canvas");
const said = place.querySelector("output");
const SIZE = 64; // cells of the picture, each way
const LIMIT = 4; // of the inputs
const say = (number) => number.toFixed(2).replace("-", "−");

function draw() {
  const [weight1, weight2, bias] = sliders.map((slider) => Number(slider.value));
  sliders.forEach((slider) => {
    slider.parentElement.querySelector("b").textContent = say(Number(slider.value));
  });
  const brush = canvas.getContext("2d");
  canvas.width = canvas.height = SIZE * 4;
  for (let row = 0; row < SIZE; row += 1) {
    for (let column = 0; column < SIZE; column += 1) {
      const x1 = ((column + 0.5) / SIZE) * 2 * LIMIT - LIMIT;
      const x2 = LIMIT - ((row + 0.5) / SIZE) * 2 * LIMIT;
      const a = Math.max(0, x1 * weight1 + x2 * weight2 + bias);
      const share = Math.min(1, a / 5);
      brush.fillStyle = a > 0 ? `rgb(59 130 214 / ${0.15 + 0.85 * share})` : "rgb(128 128 128 / 15%)";
      brush.fillRect(column * 4, row * 4, 4, 4);
    }
  }
  const at = (x) => ((x + LIMIT) / (2 * LIMIT)) * SIZE * 4;
  brush.fillStyle = "#e0484d";
  brush.beginPath();
  brush.arc(at(1), at(-3), 5, 0, 2 * Math.PI);
  brush.fill();
  const z = 1 * weight1 + 3 * weight2 + bias;
  const sum = `1 · ${say(weight1)} + 3 · ${say(weight2)} + ${say(bias)}`;
  said.textContent = `For x1 = 1, x2 = 3: z = ${sum} = ${say(z)}, and a = ${say(Math.max(0, z))}.`;
}

sliders.forEach((slider) => slider.addEventListener("input", draw));
draw();
