// The points, drawn by the graphics card: a million of them move as smoothly as a thousand.

const VERTEX = `#version 300 es
in vec2 place;
in float code;
in float lit;
uniform vec2 center;
uniform vec2 stretch;
uniform float size;
uniform bool bright;
uniform vec4 fog;
uniform sampler2D palette;
out vec4 paint;
void main() {
  vec4 color = texelFetch(palette, ivec2(int(code), 0), 0);
  bool isLit = lit > 0.5 && color.a > 0.5;
  paint = isLit ? vec4(color.rgb, 1.0) : fog;
  gl_PointSize = isLit ? size : max(size * 0.7, 1.5);
  gl_Position = isLit == bright ? vec4((place - center) * stretch, 0.0, 1.0) : vec4(2.0, 2.0, 2.0, 1.0);
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 paint;
uniform float size;
uniform float opacity;
out vec4 pixel;
void main() {
  float edge = length(gl_PointCoord - 0.5) * 2.0;
  float alpha = paint.a * opacity * (1.0 - smoothstep(1.0 - 2.5 / max(size, 2.5), 1.0, edge));
  pixel = vec4(paint.rgb * alpha, alpha);
}`;

class PointLayer {
  constructor(canvas) {
    this.canvas = canvas;
    this.gl = canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true });
    if (this.gl) this.prepare();
  }

  prepare() {
    const gl = this.gl;
    this.program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
    }
    gl.linkProgram(this.program);
    if (!gl.getProgramParameter(this.program, gl.LINK_STATUS)) {
      this.gl = null; // a driver that cannot: the same as none
      return;
    }
    gl.useProgram(this.program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.uniforms = Object.fromEntries(
      ["center", "stretch", "size", "bright", "fog", "opacity"].map((name) => [
        name, gl.getUniformLocation(this.program, name),
      ]),
    );
    this.buffers = { place: gl.createBuffer(), code: gl.createBuffer(), lit: gl.createBuffer() };
    this.bind("place", 2, gl.FLOAT);
    this.bind("code", 1, gl.UNSIGNED_BYTE);
    this.bind("lit", 1, gl.UNSIGNED_BYTE);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  }

  bind(name, width, type) {
    const gl = this.gl;
    const slot = gl.getAttribLocation(this.program, name);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.enableVertexAttribArray(slot);
    gl.vertexAttribPointer(slot, width, type, false, 0, 0);
  }

  // Each attribute has its own buffer, so that recoloring or dimming a million points sends one byte a point.
  fill(name, values) {
    const gl = this.gl;
    gl.bindBuffer(gl.ARRAY_BUFFER, this.buffers[name]);
    gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    if (name === "place") this.count = values.length / 2;
  }

  // 256 colors as RGBA; an alpha of 0 means that points of this color are dimmed.
  setPalette(rgba) {
    const gl = this.gl;
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, rgba);
  }

  draw(view, size, opacity, fog, someDimmed) {
    const gl = this.gl;
    const { width, height } = this.canvas;
    const ratio = width / view.width;
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.uniform2f(this.uniforms.center, view.x, view.y);
    gl.uniform2f(this.uniforms.stretch, (2 * view.scale) / view.width, (2 * view.scale) / view.height);
    gl.uniform1f(this.uniforms.size, size * ratio);
    gl.uniform1f(this.uniforms.opacity, opacity);
    gl.uniform4f(this.uniforms.fog, ...fog);
    // Dimmed points first: they must never cover the ones that matter.
    for (const bright of someDimmed ? [0, 1] : [1]) {
      gl.uniform1i(this.uniforms.bright, bright);
      gl.drawArrays(gl.POINTS, 0, this.count);
    }
  }
}
