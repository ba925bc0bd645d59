-- The closed paths that tanks patrol, each { x1, y1, x2, y2, … }. Tanks follow the points in this order.

return {
  -- The ring road, clockwise.
  { 110, 660, 850, 660, 900, 610, 900, 110, 850, 60, 110, 60, 60, 110, 60, 610 },
  -- Round the western pond.
  { 170, 150, 340, 130, 410, 210, 390, 340, 270, 410, 150, 350, 120, 240 },
  -- Round the eastern pond, the other way.
  { 800, 560, 830, 430, 760, 320, 620, 300, 540, 390, 570, 520, 690, 590 },
  -- The great eight, from corner to corner.
  { 140, 580, 320, 500, 480, 360, 640, 220, 820, 140, 850, 240, 700, 260, 480, 360, 270, 470, 150, 470, 110, 500 },
  -- The northern lane.
  { 250, 610, 470, 560, 640, 620, 720, 600, 700, 530, 480, 480, 230, 550 },
  -- The southern lane.
  { 240, 100, 240, 190, 460, 250, 560, 160, 740, 190, 740, 100, 500, 110 },
}
