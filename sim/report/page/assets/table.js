"use strict";
// A table that sorts on a click on its headings and can be filtered. Columns: {title, value(row), text(row), number, name}.
class DataTable {
  constructor(table, columns, rows, onPick) {
    Object.assign(this, { table, columns, rows, onPick, order: null, descending: false, words: [] });
    const head = table.createTHead().insertRow();
    columns.forEach((column, place) => {
      const cell = document.createElement("th");
      cell.textContent = column.title;
      cell.className = column.number ? "number" : "";
      cell.tabIndex = 0;
      const sort = () => this.sort(place);
      cell.addEventListener("click", sort);
      cell.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
      head.append(cell);
    });
    this.body = table.createTBody();
    this.cells = rows.map((row, number) => this.build(row, number));
    this.show();
  }

  build(row, number) {
    const line = document.createElement("tr");
    for (const column of this.columns) {
      const cell = line.insertCell();
      cell.textContent = column.text ? column.text(row) : String(column.value(row) ?? "-");
      cell.className = column.number ? "number" : column.name ? "name" : "";
    }
    if (this.onPick) {
      line.className = "pick";
      line.addEventListener("click", () => this.onPick(number));
    }
    return line;
  }

  sort(place) {
    this.descending = this.order === place ? !this.descending : Boolean(this.columns[place].number);
    this.order = place;
    [...this.table.tHead.rows[0].cells].forEach((cell, other) => {
      if (other === place) cell.setAttribute("aria-sort", this.descending ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    this.show();
  }

  filter(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return this.show();
  }

  show() {
    let places = this.rows.map((_, number) => number);
    places = places.filter((number) => this.words.every((word) => this.cells[number].textContent.toLowerCase().includes(word)));
    if (this.order !== null) {
      const value = this.columns[this.order].value;
      const rank = (one, other) => {
        const [a, b] = [value(this.rows[one]), value(this.rows[other])];
        if (a === null || a === undefined || b === null || b === undefined) return (a ?? null) === (b ?? null) ? 0 : (a ?? null) === null ? 1 : -1;
        const found = typeof a === "string" ? a.localeCompare(b, undefined, { numeric: true }) : a - b;
        return this.descending ? -found : found;
      };
      places.sort((one, other) => rank(one, other) || one - other);
    }
    this.body.replaceChildren(...places.map((number) => this.cells[number]));
    return places.length;
  }

  select(number) {
    this.cells.forEach((line, other) => line.classList.toggle("selected", other === number));
    if (number !== null) this.cells[number].scrollIntoView({ block: "nearest" });
  }
}
